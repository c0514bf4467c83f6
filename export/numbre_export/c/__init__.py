"""`numbre-export --c`: an int8 TFLite file as a C99 library for microcontrollers."""
