"""How large each board's image is: `.mpy` files and `main.py`, as they are put on the board."""

import sys

from tools import board_images, figures


def main() -> int:
    images = [board_images.build_board(board) for board in board_images.all_boards()]
    figures.publish("image_size", [{"board": image.board, "files": len(image.sizes),
                                    "bytes": image.size} for image in images])
    return 0


if __name__ == "__main__":
    sys.exit(main())
