"""Raspberry Pi boards, emulated: userlands of Debian run through qemu-user, without root or a chroot."""
