"""What a run keeps for its report while it goes on."""
