"""`make test-mcu`: the C library on emulated microcontrollers."""
