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

/* What an editor may leave in a file would cost a try: it is no PIN. */
static int check_pin(const char *path, struct buf *pin)
{
    static const uint8_t byte_order_mark[] = {0xEF, 0xBB, 0xBF};

    if (pin->len > 0 && pin->data[pin->len - 1] == '\n') {
        pin->len--;
        if (pin->len > 0 && pin->data[pin->len - 1] == '\r')
            pin->len--;
    }
    if (pin->len == 0)
        return refuse(path, "holds no PIN");
    if (bytes_start_with(buf_view(pin), BYTES_OF(byte_order_mark)))
        return refuse(path, "starts with a byte order mark: save it without");
    for (size_t i = 0; i < pin->len; i++) {
        if (pin->data[i] < 0x20 || pin->data[i] == 0x7F)
            return refuse(path, "holds a control character or a second line");
    }
    return 0;
}

int secret_from_file(const char *path, struct secret **out)
{
    uint8_t content[SECRET_FILE_MAX + 1];
    struct buf pin = BUF_ON(content);
    int fd, rc;

    fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return refuse_open(path, errno);
    if ((rc = check_file(path, fd)) < 0 ||
        (rc = read_all(path, fd, &pin)) < 0 ||
        (rc = check_pin(path, &pin)) < 0)
        goto out;
    if ((*out = secret_new(buf_view(&pin))) == NULL)
        rc = card_fail(CARD_E_MEMORY, "no memory for a PIN");
out:
    buf_wipe(&pin);
    close(fd);
    return rc;
}
