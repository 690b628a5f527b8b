/*
 * Files that are there whole or not at all.
 */
#define _XOPEN_SOURCE 700 /* mkdtemp */
#include "tests/unit/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "card/tool/write_file.h"

enum { NO_SUCH_FILE = -1 };

/* A folder of the test's own, and what was said. */
struct place {
    char path[64];
    int folder;
    struct tool t;
    struct write_batch *b;
};

static char message[1024];

void tool_error(struct tool *t, const char *format, ...)
{
    va_list args;

    (void)t;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
}

static int make_place(void **state)
{
    struct place *p = calloc(1, sizeof(*p));

    assert_non_null(p);
    snprintf(p->path, sizeof(p->path), "/tmp/test_write_file.XXXXXX");
    assert_non_null(mkdtemp(p->path));
    p->folder = open(p->path, O_RDONLY | O_DIRECTORY);
    assert_true(p->folder >= 0);
    message[0] = '\0';
    *state = p;
    return 0;
}

static size_t count_files(const struct place *p, bool remove)
{
    DIR *dir = opendir(p->path);
    const struct dirent *entry;
    size_t count = 0;

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        count++;
        if (remove && unlinkat(p->folder, entry->d_name, 0) < 0)
            unlinkat(p->folder, entry->d_name, AT_REMOVEDIR);
    }
    closedir(dir);
    return count;
}

static int remove_place(void **state)
{
    struct place *p = *state;

    count_files(p, true);
    close(p->folder);
    rmdir(p->path);
    free(p);
    return 0;
}

/* The file's mode, with its content; or NO_SUCH_FILE. */
static int read_back(const struct place *p, const char *name, char out[64])
{
    struct stat st;
    int fd = openat(p->folder, name, O_RDONLY | O_NOFOLLOW);
    ssize_t n;

    out[0] = '\0';
    if (fd < 0)
        return NO_SUCH_FILE;
    assert_int_equal(fstat(fd, &st), 0);
    n = read(fd, out, 63);
    assert_true(n >= 0);
    out[n] = '\0';
    close(fd);
    return (int)(st.st_mode & 07777);
}

static void assert_file(const struct place *p, const char *name, int mode,
                        const char *content)
{
    char text[64];

    assert_int_equal(read_back(p, name, text), mode);
    assert_string_equal(text, content);
}

static bool add(struct place *p, const char *name, mode_t mode,
                const char *content)
{
    return write_add(p->b, p->folder, p->path, name, mode,
                     bytes_of_string(content));
}

static void write_one(struct place *p, const char *name, const char *content)
{
    p->b = write_begin(&p->t);
    assert_true(add(p, name, 0644, content) && write_commit(p->b));
    write_end(p->b);
}

/* ---- batches ------------------------------------------------------------- */

static void test_files_appear_together_with_their_modes(void **state)
{
    struct place *p = *state;
    char text[64];
    mode_t before = umask(0077);

    p->b = write_begin(&p->t);
    assert_true(add(p, "one", 0644, "1") && add(p, "two", 0600, "2"));
    assert_int_equal(read_back(p, "one", text), NO_SUCH_FILE);
    assert_true(write_commit(p->b));
    write_end(p->b);
    umask(before);
    assert_file(p, "one", 0644, "1");
    assert_file(p, "two", 0600, "2");
    assert_int_equal(count_files(p, false), 2);
}

static void test_without_a_commit_all_is_as_before(void **state)
{
    struct place *p = *state;

    write_one(p, "one", "old");
    p->b = write_begin(&p->t);
    assert_true(add(p, "one", 0644, "new") && add(p, "two", 0644, "new"));
    write_end(p->b);
    assert_file(p, "one", 0644, "old");
    assert_int_equal(count_files(p, false), 1);
}

/* Of a group that only root can give. */
static void test_the_group_stays(void **state)
{
    const gid_t theirs = 12345;
    struct place *p = *state;
    struct stat st;

    write_one(p, "one", "old");
    if (fchownat(p->folder, "one", (uid_t)-1, theirs, 0) < 0)
        skip();
    p->b = write_begin(&p->t);
    assert_true(add(p, "one", 0640, "new") && write_commit(p->b));
    write_end(p->b);
    assert_int_equal(fstatat(p->folder, "one", &st, 0), 0);
    assert_int_equal(st.st_gid, theirs);
    assert_file(p, "one", 0640, "new");
}

/* Nobody reads a secret between the file's making and its mode. */
static void test_temporaries_are_private(void **state)
{
    struct place *p = *state;
    struct stat st;
    mode_t before = umask(0);

    p->b = write_begin(&p->t);
    assert_true(add(p, "one", 0600, "secret"));
    assert_int_equal(fstatat(p->folder, p->b->files[0].temporary, &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    write_end(p->b);
    umask(before);
}

/* The same file twice, as the registry's list: the last one stays. */
static void test_the_last_of_a_name_stays(void **state)
{
    struct place *p = *state;

    p->b = write_begin(&p->t);
    assert_true(add(p, "list", 0644, "first") && add(p, "list", 0644, "last"));
    assert_true(write_commit(p->b));
    write_end(p->b);
    assert_file(p, "list", 0644, "last");
}

static void test_a_link_is_replaced_and_not_followed(void **state)
{
    struct place *p = *state;

    write_one(p, "target", "theirs");
    assert_int_equal(symlinkat("target", p->folder, "one"), 0);
    write_one(p, "one", "ours");
    assert_file(p, "target", 0644, "theirs");
    assert_file(p, "one", 0644, "ours");
}

/* Somebody else has the temporary name already: nothing of theirs is used. */
static void test_a_planted_temporary_is_refused(void **state)
{
    struct place *p = *state;
    char name[64];

    write_one(p, "target", "theirs");
    snprintf(name, sizeof(name), ".tessera-%ld-0.new", (long)getpid());
    assert_int_equal(linkat(p->folder, "target", p->folder, name, 0), 0);
    p->b = write_begin(&p->t);
    assert_false(add(p, "one", 0644, "ours"));
    write_end(p->b);
    assert_file(p, "target", 0644, "theirs");
    assert_int_equal(count_files(p, false), 2);
    write_clean(p->folder);
    assert_int_equal(count_files(p, false), 1);
}

static void test_a_place_that_is_a_folder_stops_it(void **state)
{
    struct place *p = *state;

    assert_int_equal(mkdirat(p->folder, "two", 0700), 0);
    p->b = write_begin(&p->t);
    assert_true(add(p, "one", 0644, "1") && add(p, "two", 0644, "2"));
    assert_false(write_commit(p->b));
    write_end(p->b);
    assert_non_null(strstr(message, "two"));
    assert_int_equal(count_files(p, false), 2);
}

static void test_no_more_than_there_is_room_for(void **state)
{
    struct place *p = *state;
    char name[WRITE_NAME_MAX + 1];

    memset(name, 'n', sizeof(name));
    name[WRITE_NAME_MAX] = '\0';
    p->b = write_begin(&p->t);
    assert_false(add(p, name, 0644, ""));
    for (size_t i = 0; i < WRITE_MAX; i++) {
        snprintf(name, sizeof(name), "%zu", i);
        assert_true(add(p, name, 0644, ""));
    }
    assert_false(add(p, "more", 0644, ""));
    write_end(p->b);
    assert_int_equal(count_files(p, false), 0);
}

/* ---- signals and limits -------------------------------------------------- */

static volatile sig_atomic_t caught;

static void note(int number)
{
    caught = number;
}

static void test_signals_wait_for_the_end(void **state)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct place *p = *state;

    for (size_t i = 0; i < nitems(numbers); i++) {
        struct sigaction catch = {.sa_handler = note}, before;

        caught = 0;
        sigaction(numbers[i], &catch, &before);
        p->b = write_begin(&p->t);
        assert_true(add(p, "one", 0644, "1"));
        raise(numbers[i]);
        assert_int_equal(caught, 0);
        assert_true(write_commit(p->b));
        write_end(p->b);
        assert_int_equal(caught, numbers[i]);
        sigaction(numbers[i], &before, NULL);
    }
    assert_file(p, "one", 0644, "1");
}

/* ulimit -f: the signal would end the program in the middle. */
static void test_a_file_over_the_limit_changes_nothing(void **state)
{
    struct place *p = *state;
    struct rlimit before, low;
    char content[4096];
    bool added;

    write_one(p, "one", "old");
    memset(content, 'x', sizeof(content));
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    low = before;
    low.rlim_cur = 1024;
    p->b = write_begin(&p->t);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    added = write_add(p->b, p->folder, p->path, "one", 0644,
                      BYTES_OF(content));
    setrlimit(RLIMIT_FSIZE, &before);
    write_end(p->b);
    assert_false(added);
    assert_non_null(strstr(message, strerror(EFBIG)));
    assert_file(p, "one", 0644, "old");
    assert_int_equal(count_files(p, false), 1);
}

/* ---- leftovers ----------------------------------------------------------- */

static void test_only_our_leftovers_are_removed(void **state)
{
    static const char *const names[] = {
        ".tessera-1-0.new", ".tessera-x", "tessera-1-0.new", ".new",
        ".tessera-.news"};
    struct place *p = *state;

    for (size_t i = 0; i < nitems(names); i++)
        write_one(p, names[i], "");
    write_clean(p->folder);
    assert_int_equal(count_files(p, false), nitems(names) - 1);
    assert_int_equal(faccessat(p->folder, names[0], F_OK, 0), -1);
}

/* ---- --out --------------------------------------------------------------- */

static int out_to(struct place *p, const char *name)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/%s", p->path, name);
    return write_out(&p->t, path, bytes_of_string("content"));
}

static void test_out_makes_and_replaces_plain_files(void **state)
{
    struct place *p = *state;
    mode_t before = umask(0077);

    assert_int_equal(out_to(p, "one"), TOOL_DONE);
    assert_file(p, "one", 0644, "content");
    write_one(p, "one", "old");
    assert_int_equal(out_to(p, "one"), TOOL_DONE);
    assert_file(p, "one", 0644, "content");
    umask(before);
}

static void test_out_leaves_everything_else_alone(void **state)
{
    static const char *const names[] = {"link", "folder", "fifo", "..", ".",
                                        ""};
    struct place *p = *state;

    write_one(p, "target", "theirs");
    assert_int_equal(symlinkat("target", p->folder, "link"), 0);
    assert_int_equal(mkdirat(p->folder, "folder", 0700), 0);
    assert_int_equal(mkfifoat(p->folder, "fifo", 0600), 0);
    for (size_t i = 0; i < nitems(names); i++) {
        assert_int_not_equal(out_to(p, names[i]), TOOL_DONE);
        assert_string_not_equal(message, "");
        message[0] = '\0';
    }
    assert_int_equal(out_to(p, "none/one"), TOOL_FAILED);
    assert_file(p, "target", 0644, "theirs");
    assert_int_equal(count_files(p, false), 4);
    assert_int_not_equal(write_out(&p->t, "", bytes_of_string("")), TOOL_DONE);
    assert_int_not_equal(write_out(&p->t, "/", bytes_of_string("")), TOOL_DONE);
}

#define in_a_place(test)                                                       \
    cmocka_unit_test_setup_teardown(test, make_place, remove_place)

int main(void)
{
    const struct CMUnitTest tests[] = {
        in_a_place(test_files_appear_together_with_their_modes),
        in_a_place(test_without_a_commit_all_is_as_before),
        in_a_place(test_the_group_stays),
        in_a_place(test_temporaries_are_private),
        in_a_place(test_the_last_of_a_name_stays),
        in_a_place(test_a_link_is_replaced_and_not_followed),
        in_a_place(test_a_planted_temporary_is_refused),
        in_a_place(test_a_place_that_is_a_folder_stops_it),
        in_a_place(test_no_more_than_there_is_room_for),
        in_a_place(test_signals_wait_for_the_end),
        in_a_place(test_a_file_over_the_limit_changes_nothing),
        in_a_place(test_only_our_leftovers_are_removed),
        in_a_place(test_out_makes_and_replaces_plain_files),
        in_a_place(test_out_leaves_everything_else_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
