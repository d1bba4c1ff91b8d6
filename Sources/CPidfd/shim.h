#pragma once

// pidfd_open(2), which the C library has only since glibc 2.36 and Swift can't call through the variadic syscall(2).
#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>

/// A descriptor, closed on exec, that is readable once the process `pid` has ended; -1 with errno on failure, ENOSYS
/// before Linux 5.3.
static inline int cpidfd_open(int pid) {
#ifdef SYS_pidfd_open
    return (int)syscall(SYS_pidfd_open, pid, 0);
#else
    return -1;
#endif
}
#endif
