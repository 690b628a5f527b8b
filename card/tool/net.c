/*
 * Names, addresses, and connections that do not block.
 */
#define _GNU_SOURCE /* SOCK_CLOEXEC, SOCK_NONBLOCK */
#include "card/tool/net.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "card/tool/tool.h"

bool net_wait(int fd, bool write)
{
    struct pollfd p = {.fd = fd, .events = write ? POLLOUT : POLLIN};
    int n;

    do
        n = poll(&p, 1, NET_PATIENCE_MS);
    while (n < 0 && errno == EINTR);
    return n > 0;
}

/* An errno, 0 when it is connected. */
static int try_address(const struct addrinfo *a, int *out)
{
    int fd = socket(a->ai_family,
                    a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int error = 0;
    socklen_t len = sizeof(error);

    if (fd < 0)
        return errno;
    if (connect(fd, a->ai_addr, a->ai_addrlen) < 0)
        error = errno;
    if (error == EINPROGRESS) {
        if (!net_wait(fd, true))
            error = ETIMEDOUT;
        else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
            error = errno;
    }
    if (error != 0)
        close(fd);
    else
        *out = fd;
    return error;
}

static void explain_name(int rc, const char *host, char *why, size_t cap)
{
    if (rc == EAI_NONAME)
        snprintf(why, cap, _("there is no host \"%s\": correct the name"),
                 host);
    else
        snprintf(why, cap,
                 _("the name \"%s\" cannot be looked up (%s): is this machine "
                   "connected to the network, and has it a name server?"),
                 host, gai_strerror(rc));
}

static void explain(int error, const char *host, const char *port, char *why,
                    size_t cap)
{
    if (error == ECONNREFUSED)
        snprintf(why, cap, _("no server listens on port %s of %s: correct the "
                             "port, or start the server"), port, host);
    else if (error == ETIMEDOUT)
        snprintf(why, cap, _("%s, port %s, does not answer: is a firewall in "
                             "between?"), host, port);
    else
        snprintf(why, cap, _("%s, port %s, cannot be reached: %s. Is this "
                             "machine connected to the network?"), host, port,
                 strerror(error));
}

int net_connect(const char *host, const char *port, char *why, size_t cap)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_NUMERICSERV};
    struct addrinfo *all = NULL;
    int fd = -1, error = 0;
    int rc = getaddrinfo(host, port, &hints, &all);

    if (rc != 0) {
        explain_name(rc, host, why, cap);
        return -1;
    }
    for (const struct addrinfo *a = all; a != NULL && fd < 0; a = a->ai_next)
        error = try_address(a, &fd);
    freeaddrinfo(all);
    if (fd < 0)
        explain(error, host, port, why, cap);
    return fd;
}
