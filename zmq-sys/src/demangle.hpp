// What libc++abi ends a process with, when an exception is caught by nobody, spells out the exception's type, for which it brings
// a parser of C++ names as large as a third of libzmq. With ours, which says that it cannot, it prints the name as it is, and the
// linker leaves the parser out. Where the C++ runtime is not linked in, nobody calls this, and it is left out itself.

#ifndef BROKERLESS_DEMANGLE_HPP
#define BROKERLESS_DEMANGLE_HPP

#include <stddef.h>

extern "C" char *__cxa_demangle (const char *, char *, size_t *, int *status_)
{
    if (status_)
        *status_ = -1; // as if there were no memory for it
    return NULL;
}

#endif
