#if defined(__AVR__)
#define IN_FLASH __flash /* AVR would copy constants to RAM; this GNU C address space leaves them in flash. */
#else
#define IN_FLASH
#endif
