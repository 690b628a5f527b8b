/*
 * Which version of a program is installed. It is run from where systems have
 * their programs, without a shell, the user's variables or patience.
 */
#define _GNU_SOURCE /* memmem, pipe2 */
#include "card/tool/setup.h"

#include <ctype.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATH "/usr/sbin:/usr/bin:/sbin:/bin"

enum { ANSWER_MAX = 16384, PATIENCE_MS = 5000, LINKS_MAX = 1 << 18 };

/* ---- running it ---------------------------------------------------------- */

static bool find_program(const char *name, char path[SETUP_PATH_MAX])
{
    char folders[] = PATH, *rest;

    for (char *folder = strtok_r(folders, ":", &rest); folder != NULL;
         folder = strtok_r(NULL, ":", &rest)) {
        snprintf(path, SETUP_PATH_MAX, "%s/%s", folder, name);
        if (access(path, X_OK) == 0)
            return true;
    }
    return false;
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Until its end, the last byte there is room for, or the end of patience. */
static void read_answer(int fd, char *out, size_t cap)
{
    const int64_t end = now_ms() + PATIENCE_MS;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    size_t len = 0;
    ssize_t n = 1;

    for (int64_t left = PATIENCE_MS; n > 0 && len < cap - 1 && left > 0;
         left = end - now_ms()) {
        if (poll(&p, 1, (int)left) <= 0)
            break;
        if ((n = read(fd, out + len, cap - 1 - len)) > 0)
            len += (size_t)n;
    }
    out[len] = '\0';
}

static _Noreturn void become(const char *path, const char *question, int fd)
{
    static char path_variable[] = "PATH=" PATH, locale[] = "LC_ALL=C";
    char *argv[] = {strdup(path), strdup(question), NULL};
    char *environment[] = {path_variable, locale, NULL};
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (nothing >= 0 && dup2(nothing, STDIN_FILENO) >= 0 &&
        dup2(fd, STDOUT_FILENO) >= 0 && dup2(fd, STDERR_FILENO) >= 0)
        execve(path, argv, environment);
    _exit(127);
}

static void run(const char *path, const char *question, char answer[ANSWER_MAX])
{
    int ends[2];
    pid_t child;

    answer[0] = '\0';
    if (pipe2(ends, O_CLOEXEC) < 0)
        return;
    if ((child = fork()) == 0)
        become(path, question, ends[1]);
    close(ends[1]);
    if (child > 0) {
        read_answer(ends[0], answer, ANSWER_MAX);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    close(ends[0]);
}

/* ---- what it said -------------------------------------------------------- */

static void take_number(const char *at, char out[SETUP_VERSION_MAX])
{
    size_t len = strspn(at, "0123456789.");

    snprintf(out, SETUP_VERSION_MAX, "%.*s", (int)len, at);
}

static void take_version(const char *answer, const char *before,
                         char out[SETUP_VERSION_MAX])
{
    const char *at = strstr(answer, before);

    out[0] = '\0';
    if (at != NULL)
        take_number(at + strlen(before), out);
}

/*
 * The last one that is named: programs tell which they were built with first,
 * "OpenSSL 3.0.2" or "OpenSSL/3.0.2".
 */
static void take_openssl(const char *answer, char out[SETUP_VERSION_MAX])
{
    static const char name[] = "OpenSSL";

    out[0] = '\0';
    while ((answer = strstr(answer, name)) != NULL) {
        answer += sizeof(name) - 1;
        if ((*answer == ' ' || *answer == '/') &&
            isdigit((unsigned char)answer[1]))
            take_number(answer + 1, out);
    }
}

void setup_ask_version(struct setup *s)
{
    char path[SETUP_PATH_MAX], answer[ANSWER_MAX];

    for (size_t i = 0; i < nitems(s->program->commands); i++) {
        if (s->program->commands[i] == NULL ||
            !find_program(s->program->commands[i], path))
            continue;
        run(path, s->program->question, answer);
        take_version(answer, s->program->before, s->version);
        if (s->version[0] == '\0')
            snprintf(s->version, sizeof(s->version), "?");
        if (s->program->tells_openssl)
            take_openssl(answer, s->openssl);
        return;
    }
}

bool setup_is_older(const char *version, const char *than)
{
    char *rest, *least;

    if (!isdigit((unsigned char)version[0]))
        return false;
    for (;;) {
        unsigned long a = strtoul(version, &rest, 10);
        unsigned long b = strtoul(than, &least, 10);

        if (a != b || *least != '.')
            return a < b;
        version = *rest == '.' ? rest + 1 : "0";
        than = least + 1;
    }
}

/* ---- git ----------------------------------------------------------------- */

/* The libraries a program is linked with are named near the file's start. */
static bool names_library(const char *path, const char *library)
{
    FILE *file = fopen(path, "re");
    char *start = malloc(LINKS_MAX);
    size_t len = 0;
    bool found;

    if (file != NULL && start != NULL)
        len = fread(start, 1, LINKS_MAX, file);
    found = len > 0 && memmem(start, len, library, strlen(library)) != NULL;
    free(start);
    if (file != NULL)
        fclose(file);
    return found;
}

bool setup_git_is_foreign(void)
{
    char git[SETUP_PATH_MAX], answer[ANSWER_MAX], path[ANSWER_MAX + 32];

    if (!find_program("git", git))
        return false;
    run(git, "--exec-path", answer);
    snprintf(path, sizeof(path), "%.*s/git-remote-https",
             (int)strcspn(answer, "\n"), answer);
    return names_library(path, "libcurl-gnutls.so") ||
           names_library(path, "libcurl-nss.so");
}
