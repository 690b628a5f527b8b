/*
 * PINs in memory and from files; each property of threat T7 has its test.
 */
#define _DEFAULT_SOURCE /* mkdtemp, usleep */

#include "card/base/secret.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "card/error.h"
#include "tests/unit/test.h"

static char folder[64];
static char path[128];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/test_secret.XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/pin", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    if (remove(path) != 0)
        return -1;
    return rmdir(folder);
}

static void write_file(const void *content, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, S_IRUSR | S_IWUSR);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, len), (ssize_t)len);
    close(fd);
}

static void assert_refused(const char *why)
{
    struct secret *s = NULL;

    assert_int_equal(secret_from_file(path, &s), CARD_E_CONFIG);
    assert_null(s);
    assert_non_null(strstr(card_error_sentence(), path));
    if (strstr(card_error_sentence(), why) == NULL)
        fail_msg("%s", card_error_sentence());
    assert_null(strstr(card_error_sentence(), "4711"));
}

static void assert_pin(const char *pin)
{
    struct secret *s = NULL;

    assert_int_equal(secret_from_file(path, &s), 0);
    assert_true(bytes_equal(secret_view(s), bytes_of_string(pin)));
    secret_free(s);
}

static void test_secret_when_shared_then_kept_until_last_free(void **state)
{
    struct secret *s = secret_new(bytes_of_string("4711"));

    (void)state;
    assert_non_null(s);
    assert_ptr_equal(secret_ref(s), s);
    secret_free(s);
    assert_true(bytes_equal(secret_view(s), bytes_of_string("4711")));
    secret_free(s);
    secret_free(NULL);
    assert_null(secret_ref(NULL));
    assert_int_equal(secret_view(NULL).len, 0);
}

static void test_secret_when_over_a_page_then_null(void **state)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *big = calloc(1, page + 1);
    struct secret *s;

    (void)state;
    assert_non_null(big);
    assert_null(secret_new(bytes_from(big, page + 1)));
    s = secret_new(bytes_from(big, page));
    assert_int_equal(secret_view(s).len, page);
    secret_free(s);
    free(big);
}

static void test_secret_when_forked_then_child_reads_it(void **state)
{
    struct secret *s = secret_new(bytes_of_string("4711"));
    int status = -1;
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        struct secret *own = secret_ref(s);

        secret_free(s);
        _exit(bytes_equal(secret_view(own), bytes_of_string("4711")) ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    secret_free(s);
}

/* VmFlags of the mapping that holds `address`. */
static void read_flags(const void *address, char *out, size_t cap)
{
    FILE *maps = fopen("/proc/self/smaps", "r");
    uintptr_t wanted = (uintptr_t)address;
    uintptr_t low, high;
    bool inside = false;

    assert_non_null(maps);
    out[0] = '\0';
    while (fgets(out, (int)cap, maps) != NULL) {
        if (sscanf(out, "%" SCNxPTR "-%" SCNxPTR, &low, &high) == 2)
            inside = wanted >= low && wanted < high;
        else if (inside && strncmp(out, "VmFlags:", 8) == 0)
            break;
    }
    fclose(maps);
}

static void test_secret_then_left_out_of_core_dumps(void **state)
{
    struct secret *s = secret_new(bytes_of_string("4711"));
    char flags[512];

    (void)state;
    read_flags(secret_view(s).data, flags, sizeof(flags));
    assert_int_equal(strncmp(flags, "VmFlags:", 8), 0);
    assert_non_null(strstr(flags, " dd"));
    secret_free(s);
}

static void test_file_when_one_line_end_then_cut(void **state)
{
    (void)state;
    write_file("4711", 4);
    assert_pin("4711");
    write_file("4711\n", 5);
    assert_pin("4711");
    write_file("4711\r\n", 6);
    assert_pin("4711");
    write_file(" 4711 \n", 7);
    assert_pin(" 4711 ");
}

static void test_file_when_second_line_then_refused(void **state)
{
    (void)state;
    write_file("4711\n\n", 6);
    assert_refused("second line");
    write_file("4711\n4712\n", 10);
    assert_refused("second line");
    write_file("4711\r", 5);
    assert_refused("control character");
}

static void test_file_when_nul_then_refused(void **state)
{
    (void)state;
    write_file("47\0" "11", 5);
    assert_refused("control character");
}

static void test_file_when_byte_order_mark_then_refused(void **state)
{
    (void)state;
    write_file("\xEF\xBB\xBF" "4711", 7);
    assert_refused("byte order mark");
}

static void test_file_when_empty_then_refused(void **state)
{
    (void)state;
    write_file("", 0);
    assert_refused("no PIN");
    write_file("\r\n", 2);
    assert_refused("no PIN");
}

static void test_file_when_over_256_bytes_then_refused(void **state)
{
    char big[257];

    (void)state;
    memset(big, '1', sizeof(big));
    write_file(big, 256);
    big[256] = '\0';
    assert_pin(big);
    big[256] = '1';
    write_file(big, 257);
    assert_refused("256");
}

static void test_file_when_missing_then_refused(void **state)
{
    (void)state;
    assert_refused("No such file");
    write_file("4711", 4); /* for the tear-down */
}

static void test_file_when_symlink_then_refused(void **state)
{
    char target[160];

    (void)state;
    write_file("4711", 4);
    snprintf(target, sizeof(target), "%s.real", path);
    assert_int_equal(rename(path, target), 0);
    assert_int_equal(symlink(target, path), 0);
    assert_refused("symbolic link");
    unlink(target);
}

static void test_file_when_fifo_then_refused_at_once(void **state)
{
    (void)state;
    assert_int_equal(mkfifo(path, S_IRUSR | S_IWUSR), 0);
    alarm(30);
    assert_refused("not a regular file");
    alarm(0);
}

static void test_file_when_directory_then_refused(void **state)
{
    (void)state;
    assert_int_equal(mkdir(path, S_IRWXU), 0);
    assert_refused("not a regular file");
}

static void test_file_when_device_then_refused(void **state)
{
    struct secret *s = NULL;

    (void)state;
    assert_int_equal(secret_from_file("/dev/zero", &s), CARD_E_CONFIG);
    assert_null(s);
    write_file("", 0);
}

static void test_file_when_open_to_others_then_refused(void **state)
{
    static const mode_t modes[] = {0640, 0620, 0610, 0604, 0602, 0601};

    (void)state;
    write_file("4711", 4);
    for (size_t i = 0; i < nitems(modes); i++) {
        assert_int_equal(chmod(path, modes[i]), 0);
        assert_refused("chmod 600");
    }
    assert_int_equal(chmod(path, 0400), 0);
    assert_pin("4711");
}

/* Needs root, who may give files away and may read them. */
static void test_file_when_foreign_then_refused(void **state)
{
    (void)state;
    write_file("4711", 4);
    if (geteuid() != 0)
        skip();
    assert_int_equal(chown(path, 12345, (gid_t)-1), 0);
    assert_refused("another user");
}

static void assert_line(unsigned line, const char *pin)
{
    struct secret *s = NULL;

    assert_int_equal(secret_from_file_line(path, line, &s), 0);
    assert_true(bytes_equal(secret_view(s), bytes_of_string(pin)));
    secret_free(s);
}

static void assert_line_refused(unsigned line, const char *why)
{
    struct secret *s = NULL;

    assert_int_equal(secret_from_file_line(path, line, &s), CARD_E_CONFIG);
    assert_null(s);
    if (strstr(card_error_sentence(), why) == NULL)
        fail_msg("%s", card_error_sentence());
    assert_null(strstr(card_error_sentence(), "4711"));
}

static void test_line_when_there_then_given_without_its_end(void **state)
{
    (void)state;
    write_file("4711", 4);
    assert_line(0, "4711");
    write_file("4711\n4712", 9);
    assert_line(0, "4711");
    assert_line(1, "4712");
    write_file("4711\r\n 4712 \r\n4713\n", 19);
    assert_line(0, "4711");
    assert_line(1, " 4712 ");
    assert_line(2, "4713");
}

static void test_line_when_absent_then_refused(void **state)
{
    (void)state;
    write_file("4711\n", 5);
    assert_line_refused(1, "too few lines");
    assert_line_refused(UINT_MAX, "too few lines");
    write_file("", 0);
    assert_line_refused(0, "no PIN");
}

/* A fault in any line: what is on the others may be shifted. */
static void test_line_when_another_is_at_fault_then_refused(void **state)
{
    (void)state;
    write_file("4711\n\n4712\n", 11);
    assert_line_refused(0, "no PIN");
    assert_line_refused(2, "no PIN");
    write_file("4711\n4712\r", 10);
    assert_line_refused(0, "control character");
    write_file("\xEF\xBB\xBF" "4711\n4712\n", 13);
    assert_line_refused(1, "byte order mark");
}

static void test_line_when_file_is_unsafe_then_refused(void **state)
{
    (void)state;
    write_file("4711\n4712\n", 10);
    assert_int_equal(chmod(path, 0640), 0);
    assert_line_refused(0, "chmod 600");
    assert_line_refused(1, "chmod 600");
}

#define ON_FILE(test)                                                          \
    cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_secret_when_shared_then_kept_until_last_free),
        cmocka_unit_test(test_secret_when_over_a_page_then_null),
        cmocka_unit_test(test_secret_when_forked_then_child_reads_it),
        cmocka_unit_test(test_secret_then_left_out_of_core_dumps),
        ON_FILE(test_file_when_one_line_end_then_cut),
        ON_FILE(test_file_when_second_line_then_refused),
        ON_FILE(test_file_when_nul_then_refused),
        ON_FILE(test_file_when_byte_order_mark_then_refused),
        ON_FILE(test_file_when_empty_then_refused),
        ON_FILE(test_file_when_over_256_bytes_then_refused),
        ON_FILE(test_file_when_missing_then_refused),
        ON_FILE(test_file_when_symlink_then_refused),
        ON_FILE(test_file_when_fifo_then_refused_at_once),
        ON_FILE(test_file_when_directory_then_refused),
        ON_FILE(test_file_when_device_then_refused),
        ON_FILE(test_file_when_open_to_others_then_refused),
        ON_FILE(test_file_when_foreign_then_refused),
        ON_FILE(test_line_when_there_then_given_without_its_end),
        ON_FILE(test_line_when_absent_then_refused),
        ON_FILE(test_line_when_another_is_at_fault_then_refused),
        ON_FILE(test_line_when_file_is_unsafe_then_refused)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
