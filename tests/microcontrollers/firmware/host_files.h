/* Semihosting: the firmware reads and writes files of the machine that emulates it. */
#ifndef HOST_FILES_H
#define HOST_FILES_H

#include <stddef.h>

enum host_mode { HOST_READ = 1, HOST_WRITE = 5 };

/* A file's handle, or -1. */
int host_open(const char *name, enum host_mode mode);
/* Returns how many bytes are missing, 0 if all were read. */
size_t host_read(int file, void *bytes, size_t count);
size_t host_write(int file, const void *bytes, size_t count);
void host_exit(int ok);

#endif
