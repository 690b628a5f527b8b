/*
 * Private folders and whole files, by way of the cache: others who meddle or
 * write too, disks that are full or read-only, and where the folder is.
 */
#define _GNU_SOURCE /* unshare */

#include "card/base/folder.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/cache_world.h"

/* ---- others -------------------------------------------------------------- */

static void test_file_when_not_ours_alone_then_ignored(void **state)
{
    char elsewhere[400];

    (void)state;
    world_save("01", "m", "content");
    assert_int_equal(chmod(world_path(CACHE_WORLD_FILE), 0660), 0);
    assert_false(world_is_kept("01", "m", "content"));
    assert_int_equal(chmod(world_path(CACHE_WORLD_FILE), 0606), 0);
    assert_false(world_is_kept("01", "m", "content"));
    assert_int_equal(chmod(world_path(CACHE_WORLD_FILE), 0600), 0);
    assert_true(world_is_kept("01", "m", "content"));
    strcpy(elsewhere, world_path("elsewhere"));
    assert_int_equal(rename(world_path(CACHE_WORLD_FILE), elsewhere), 0);
    assert_int_equal(symlink(elsewhere, world_path(CACHE_WORLD_FILE)), 0);
    assert_false(world_is_kept("01", "m", "content"));
    world_save("01", "m", "replaced"); /* the link, not what it leads to */
    assert_true(world_is_kept("01", "m", "replaced"));
    assert_int_equal(rename(elsewhere, world_path(CACHE_WORLD_FILE)), 0);
    assert_true(world_is_kept("01", "m", "content"));
    unlink(world_path(CACHE_WORLD_FILE));
    assert_int_equal(mkfifo(world_path(CACHE_WORLD_FILE), 0600), 0);
    assert_false(world_is_kept("01", "m", "content"));
    if (geteuid() == 0) {
        world_save("01", "m", "content");
        assert_int_equal(chown(world_path(CACHE_WORLD_FILE), 65534, 0), 0);
        assert_false(world_is_kept("01", "m", "content"));
    }
}

static void test_folder_when_not_ours_alone_then_not_used(void **state)
{
    char elsewhere[128];

    (void)state;
    world_save("01", "m", "content");
    assert_int_equal(chmod(world.folder, 0710), 0);
    assert_false(world_is_kept("01", "m", "content"));
    world_save("02", "m", "content");
    assert_int_equal(chmod(world.folder, 0700), 0);
    assert_int_equal(world_count_files(), 1);
    assert_true(world_is_kept("01", "m", "content"));
    snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", world.home);
    assert_int_equal(rename(world.folder, elsewhere), 0);
    assert_int_equal(symlink(elsewhere, world.folder), 0);
    assert_false(world_is_kept("01", "m", "content"));
    world_save("02", "m", "content");
    assert_int_equal(unlink(world.folder), 0);
    assert_int_equal(rename(elsewhere, world.folder), 0);
    assert_int_equal(world_count_files(), 1);
    if (geteuid() == 0) {
        assert_int_equal(chown(world.folder, 65534, 0), 0);
        assert_false(world_is_kept("01", "m", "content"));
    }
}

enum { ROUNDS = 200, LONG = 3000 };

static void save_often(char with)
{
    char content[LONG + 1] = "";

    for (int i = 0; i < ROUNDS; i++) {
        memset(content, with + i % 8, LONG);
        world_save("01", "m", content);
    }
    _exit(0);
}

/* One whole content of one writer. */
static bool is_whole(void)
{
    struct cache_card *card = world_card("01", "m");
    struct bytes found;
    bool ok = cache_card_find(card, text("name"), &found) && found.len == LONG;

    for (size_t i = 1; ok && i < found.len; i++)
        ok = found.data[i] == found.data[0];
    cache_card_free(card);
    return ok;
}

static void test_file_when_two_write_at_once_then_always_whole(void **state)
{
    char first[LONG + 1] = "";
    int status, running = 2;

    (void)state;
    memset(first, 'a', LONG);
    world_save("01", "m", first);
    for (int i = 0; i < 2; i++)
        if (fork() == 0)
            save_often(i == 0 ? 'a' : 'k');
    while (running > 0) {
        assert_true(is_whole());
        if (waitpid(-1, &status, WNOHANG) <= 0)
            continue;
        assert_int_equal(status, 0);
        running--;
    }
    assert_int_equal(world_count_files(), 1);
}

/* ---- disks --------------------------------------------------------------- */

/* The file is out of date then: neither it nor a half one may stay. */
static void test_file_when_over_the_limit_then_none_and_no_signal(void **state)
{
    int status = -1;
    pid_t child;

    (void)state;
    world_save("01", "m", "content");
    if ((child = fork()) == 0) {
        const struct rlimit limit = {60, 60};

        setrlimit(RLIMIT_FSIZE, &limit);
        world_save("01", "m", "longer content");
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(world_count_files(), 0);
}

static bool tell(const char *path, const char *line)
{
    int fd = open(path, O_WRONLY);
    bool ok = fd >= 0 && write(fd, line, strlen(line)) > 0;

    if (fd >= 0)
        close(fd);
    return ok;
}

/* In a name space of its own a user may mount, and is who it was here. */
static bool enter_user_space(void)
{
    char uid[64], gid[64];

    snprintf(uid, sizeof(uid), "%u %u 1", geteuid(), geteuid());
    snprintf(gid, sizeof(gid), "%u %u 1", getegid(), getegid());
    return unshare(CLONE_NEWUSER) == 0 &&
           tell("/proc/self/setgroups", "deny") &&
           tell("/proc/self/uid_map", uid) && tell("/proc/self/gid_map", gid);
}

/* A small disk of our own on the cache's folder, where that is allowed. */
static bool mount_small_disk(void)
{
    return (geteuid() == 0 || enter_user_space()) &&
           unshare(CLONE_NEWNS) == 0 &&
           mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("tmpfs", world.folder, "tmpfs", 0, "size=32k,mode=700") == 0;
}

enum { FINE, WRONG, NOT_ALLOWED };

static int write_to_full_disk(void)
{
    struct cache_card *card;

    if (!mount_small_disk())
        return NOT_ALLOWED;
    world_save("01", "m", "content");
    if (!world_is_kept("01", "m", "content"))
        return WRONG;
    card = world_card("01", "m");
    cache_card_keep(card, text("big"),
                    bytes_from(world.space, CACHE_MAX_CONTENT));
    cache_card_save(card);
    cache_card_free(card);
    if (world_count_files() != 0)
        return WRONG;
    world_save("01", "m", "content");
    return world_is_kept("01", "m", "content") ? FINE : WRONG;
}

static int write_to_read_only_disk(void)
{
    if (!mount_small_disk())
        return NOT_ALLOWED;
    world_save("01", "m", "content");
    if (mount("none", world.folder, "none", MS_REMOUNT | MS_RDONLY, NULL) < 0)
        return NOT_ALLOWED;
    world_save("01", "m", "other");
    world_save("02", "m", "other");
    if (!world_is_kept("01", "m", "content"))
        return WRONG;
    return world_count_files() == 1 ? FINE : WRONG;
}

static void run_on_disk(int (*body)(void))
{
    int status = -1;
    pid_t child;

    world_save("01", "m", "content"); /* makes the folder */
    if ((child = fork()) == 0)
        _exit(body());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == NOT_ALLOWED)
        skip();
    assert_int_equal(WEXITSTATUS(status), FINE);
}

static void test_file_when_disk_is_full_then_none_is_left(void **state)
{
    (void)state;
    run_on_disk(write_to_full_disk);
}

static void test_file_when_disk_is_read_only_then_nothing_happens(void **state)
{
    (void)state;
    run_on_disk(write_to_read_only_disk);
}

static void test_folder_when_it_cannot_be_made_then_no_cache(void **state)
{
    char blocked[96];

    (void)state;
    snprintf(blocked, sizeof(blocked), "%s/a", world.home);
    close(open(blocked, O_WRONLY | O_CREAT, 0600));
    world_save("01", "m", "content");
    assert_false(world_is_kept("01", "m", "content"));
    assert_int_equal(unlink(blocked), 0);
}

/* ---- where --------------------------------------------------------------- */

static void test_place_when_variables_are_set_then_the_first_good(void **state)
{
    char out[256];

    (void)state;
    setenv("HOME", "/home/one", 1);
    unsetenv("CACHE_DIRECTORY");
    setenv("XDG_CACHE_HOME", "/xdg:1", 1);
    assert_true(cache_folder(out, sizeof(out)));
    assert_string_equal(out, "/xdg:1/tessera");
    assert_false(cache_folder(out, 8) && geteuid() == 0);
    setenv("CACHE_DIRECTORY", "/var/cache/one:/var/cache/two", 1);
    setenv("XDG_CACHE_HOME", "not/absolute", 1);
    assert_true(cache_folder(out, sizeof(out)));
    assert_string_equal(out, "/var/cache/one/tessera");
    unsetenv("CACHE_DIRECTORY");
    assert_true(cache_folder(out, sizeof(out)));
    assert_string_equal(out, geteuid() == 0 ? "/var/cache/tessera"
                                            : "/home/one/.cache/tessera");
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    assert_int_equal(cache_folder(out, sizeof(out)), geteuid() == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(test_file_when_not_ours_alone_then_ignored),
        IN_A_FOLDER(test_folder_when_not_ours_alone_then_not_used),
        IN_A_FOLDER(test_file_when_two_write_at_once_then_always_whole),
        IN_A_FOLDER(test_file_when_over_the_limit_then_none_and_no_signal),
        IN_A_FOLDER(test_file_when_disk_is_full_then_none_is_left),
        IN_A_FOLDER(test_file_when_disk_is_read_only_then_nothing_happens),
        IN_A_FOLDER(test_folder_when_it_cannot_be_made_then_no_cache),
        IN_A_FOLDER(test_place_when_variables_are_set_then_the_first_good)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
