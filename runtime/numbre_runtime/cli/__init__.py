"""The commands of the runtime, one file each."""
