"""A NOR flash for littlefs on MicroPython, in memory: it remembers what was done to it."""

import os

import vfs

BLOCK_LENGTH = 4096
MOUNT_POINT = "/nor"
# MicroPython's block protocol.
_SYNC, _COUNT, _SIZE, _ERASE = 3, 4, 5, 6


class NorFlash:
    """A block device: `operations` lists (offset, bytes) of writes and (offset, None) of erasures.

    `erasures` counts them by block.
    """

    def __init__(self, blocks, image=None):
        self._blocks = blocks
        self.image = image or bytearray(b"\xff" * (blocks * BLOCK_LENGTH))
        self.operations = []
        self.erasures = [0] * blocks

    def readblocks(self, block, buffer, offset=0):
        start = block * BLOCK_LENGTH + offset
        buffer[:] = memoryview(self.image)[start:start + len(buffer)]

    def writeblocks(self, block, buffer, offset=0):
        start = block * BLOCK_LENGTH + offset
        data = bytes(buffer)
        for index in range(len(data)):
            # A chip can only clear bits.
            assert self.image[start + index] & data[index] == data[index]
        self.operations.append((start, data))
        self.image[start:start + len(data)] = data

    def ioctl(self, operation, argument):
        if operation == _COUNT:
            return self._blocks
        if operation == _SIZE:
            return BLOCK_LENGTH
        if operation == _ERASE:
            self.operations.append((argument * BLOCK_LENGTH, None))
            self.erasures[argument] += 1
            erase(self.image, argument * BLOCK_LENGTH, BLOCK_LENGTH)
            return 0
        return 0 if operation == _SYNC else None


def erase(image, start, length):
    """Set bytes of a block to what an erased one has."""
    image[start:start + length] = b"\xff" * length


def replay(image, operation, is_half=False):
    """Do to `image` what an operation did; half of it is what a power cut in the midst leaves."""
    start, data = operation
    if data is None:
        erase(image, start, BLOCK_LENGTH // 2 if is_half else BLOCK_LENGTH)
    else:
        length = len(data) // 2 if is_half else len(data)
        image[start:start + length] = data[:length]


def format_and_mount(flash):
    """Give the flash an empty littlefs; return the folder for a FileStore."""
    vfs.VfsLfs2.mkfs(flash)
    return mount(flash)


def mount(flash):
    """Mount the littlefs of the flash in place of another one; return the folder of its store."""
    unmount()
    vfs.mount(vfs.VfsLfs2(flash), MOUNT_POINT)
    return MOUNT_POINT + "/state"


def unmount():
    if MOUNT_POINT[1:] in os.listdir("/"):
        try:
            vfs.umount(MOUNT_POINT)
        except OSError:
            # A folder of that name, and nothing mounted.
            pass
