/* Lets User Mode Linux before 6.13 run on processors with more registers than it has room for
 * (AMX: 11,008 bytes; its area has 2,696 at most). Linux takes a process's extended registers only
 * as a whole (arch/x86/kernel/fpu/regset.c), and UML panics at its first process: "ptrace set fp
 * regs failed, errno = 14". Preloaded into UML (ld.so(8)), this gives Linux the whole area: what
 * UML knows of, and initial values for the rest, which no process of Debian's uses.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>

enum { GETREGSET = 0x4204, SETREGSET = 0x4205, NT_X86_XSTATE = 0x202 };
/* Where the XSAVE header says which components follow, and those that end below 2,696 bytes. */
enum { HEADER = 512, KNOWN = 0x3ff };

/* UML is one thread at a time, and its stacks are too small for this. */
static char area[65536] __attribute__((aligned(64)));
static size_t length; /* of the whole, as Linux says; 0 before it was asked */
static long (*next)(int, pid_t, void *, void *);

long ptrace(int request, ...)
{
    va_list rest;
    va_start(rest, request);
    pid_t pid = va_arg(rest, pid_t);
    void *addr = va_arg(rest, void *);
    void *data = va_arg(rest, void *);
    va_end(rest);
    if (!next)
        next = (long (*)(int, pid_t, void *, void *))dlsym(RTLD_NEXT, "ptrace");
    if ((request != GETREGSET && request != SETREGSET) || (intptr_t)addr != NT_X86_XSTATE)
        return next(request, pid, addr, data);
    struct iovec *given = data, whole = {area, sizeof area};
    if (request == GETREGSET || !length) {
        if (next(GETREGSET, pid, addr, &whole) < 0)
            return -1;
        length = whole.iov_len;
    }
    whole.iov_len = length;
    if (request == GETREGSET) {
        if (given->iov_len > length)
            given->iov_len = length;
        memcpy(given->iov_base, area, given->iov_len);
        return 0;
    }
    if (given->iov_len < length) {
        memset(area, 0, length);
        memcpy(area, given->iov_base, given->iov_len);
        uint64_t components;
        memcpy(&components, area + HEADER, sizeof components);
        components &= KNOWN;
        memcpy(area + HEADER, &components, sizeof components);
        given = &whole;
    }
    return next(SETREGSET, pid, addr, given);
}
