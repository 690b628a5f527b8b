/*
 * PINs in pages of their own, and the checks on a file that holds one
 * (reliability: threat T7).
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS, madvise */

#include "card/base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "card/error.h"

enum { SECRET_FILE_MAX = 256 };

/*
 * The count stays outside the page: a child that only counts then goes on
 * sharing the page its parent has locked (mlock itself does not survive fork).
 */
struct secret {
    atomic_uint references;
    uint8_t *page;
    size_t page_len;
    size_t len;
};

static size_t page_size(void)
{
    long size = sysconf(_SC_PAGESIZE);

    return size > 0 ? (size_t)size : 4096;
}

struct secret *secret_new(struct bytes value)
{
    struct secret *s = NULL;
    size_t page_len = page_size();
    void *page;

    if (value.len > page_len || (s = malloc(sizeof(*s))) == NULL)
        return NULL;
    page = mmap(NULL, page_len, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        free(s);
        return NULL;
    }
    /* Both are best effort: limits differ, and a PIN must work without */
    mlock(page, page_len);
    madvise(page, page_len, MADV_DONTDUMP);
    *s = (struct secret){1, page, page_len, value.len};
    if (value.len > 0)
        memcpy(s->page, value.data, value.len);
    return s;
}

struct secret *secret_ref(struct secret *s)
{
    if (s != NULL)
        atomic_fetch_add(&s->references, 1);
    return s;
}

void secret_free(struct secret *s)
{
    if (s == NULL || atomic_fetch_sub(&s->references, 1) != 1)
        return;
    memory_wipe(s->page, s->page_len);
    munmap(s->page, s->page_len);
    free(s);
}

struct bytes secret_view(const struct secret *s)
{
    return s == NULL ? bytes_from(NULL, 0) : bytes_from(s->page, s->len);
}

static int refuse(const char *path, const char *why)
{
    return card_fail(CARD_E_CONFIG, "PIN file %s: %s", path, why);
}

static int refuse_open(const char *path, int error)
{
    char why[128];

    if (error == ELOOP)
        return refuse(path, "is a symbolic link: name the file itself");
    if (strerror_r(error, why, sizeof(why)) != 0)
        return refuse(path, "cannot be opened");
    return refuse(path, why);
}

static int check_file(const char *path, int fd)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return refuse(path, "cannot be examined");
    if (!S_ISREG(st.st_mode))
        return refuse(path, "is not a regular file");
    if (st.st_uid != 0 && st.st_uid != geteuid())
        return refuse(path, "belongs to another user: chown it to this user");
    if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return refuse(path, "is open to group or others: chmod 600 it");
    return 0;
}

static int read_all(const char *path, int fd, struct buf *out)
{
    while (out->len < out->cap) {
        ssize_t n = read(fd, out->data + out->len, out->cap - out->len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return refuse(path, "cannot be read");
        if (n == 0)
            return 0;
        out->len += (size_t)n;
    }
    return refuse(path, "is longer than 256 bytes");
}

static int read_file(const char *path, struct buf *out)
{
    int fd, rc;

    fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return refuse_open(path, errno);
    if ((rc = check_file(path, fd)) == 0)
        rc = read_all(path, fd, out);
    close(fd);
    return rc;
}

static void cut_line_end(struct bytes *line)
{
    if (line->len > 0 && line->data[line->len - 1] == '\n') {
        line->len--;
        if (line->len > 0 && line->data[line->len - 1] == '\r')
            line->len--;
    }
}

/* What an editor may leave in a file would cost a try: it is no PIN. */
static int check_pin(const char *path, struct bytes *pin)
{
    static const uint8_t byte_order_mark[] = {0xEF, 0xBB, 0xBF};

    cut_line_end(pin);
    if (pin->len == 0)
        return refuse(path, "holds no PIN");
    if (bytes_start_with(*pin, BYTES_OF(byte_order_mark)))
        return refuse(path, "starts with a byte order mark: save it without");
    for (size_t i = 0; i < pin->len; i++) {
        if (pin->data[i] < 0x20 || pin->data[i] == 0x7F)
            return refuse(path, "holds a control character or a second line");
    }
    return 0;
}

/* With its end. */
static struct bytes take_line(struct bytes *rest)
{
    const uint8_t *end = memchr(rest->data, '\n', rest->len);
    size_t len = end != NULL ? (size_t)(end - rest->data) + 1 : rest->len;
    struct bytes line = bytes_from(rest->data, len);

    *rest = bytes_from(rest->data + len, rest->len - len);
    return line;
}

/* The others are held to the same demands: a file with a fault is not used. */
static int find_line(const char *path, struct bytes rest, unsigned wanted,
                     struct bytes *out)
{
    unsigned count = 0;
    int rc;

    for (; rest.len > 0; count++) {
        struct bytes line = take_line(&rest);

        if ((rc = check_pin(path, &line)) < 0)
            return rc;
        if (count == wanted)
            *out = line;
    }
    if (count == 0)
        return refuse(path, "holds no PIN");
    if (count <= wanted)
        return refuse(path, "has too few lines: each value has its own");
    return 0;
}

static int keep(struct bytes pin, struct secret **out)
{
    if ((*out = secret_new(pin)) == NULL)
        return card_fail(CARD_E_MEMORY, "no memory for a PIN");
    return 0;
}

int secret_from_file(const char *path, struct secret **out)
{
    uint8_t content[SECRET_FILE_MAX + 1];
    struct buf file = BUF_ON(content);
    struct bytes pin;
    int rc;

    if ((rc = read_file(path, &file)) == 0) {
        pin = buf_view(&file);
        if ((rc = check_pin(path, &pin)) == 0)
            rc = keep(pin, out);
    }
    buf_wipe(&file);
    return rc;
}

int secret_from_file_line(const char *path, unsigned line, struct secret **out)
{
    uint8_t content[SECRET_FILE_MAX + 1];
    struct buf file = BUF_ON(content);
    struct bytes pin;
    int rc;

    if ((rc = read_file(path, &file)) == 0 &&
        (rc = find_line(path, buf_view(&file), line, &pin)) == 0)
        rc = keep(pin, out);
    buf_wipe(&file);
    return rc;
}
