/*
 * Hints: what was last seen in a reader, as far as the file can be believed.
 */
#include "card/base/cache.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/unit/cache_world.h"

static const struct cache_hint piv = {"piv", "77", "PIV of 77"};
static const struct cache_hint ias = {"ias", "88", "CPS3"};

static void assert_hint(const char *reader, const char *atr, const char *driver,
                        const char *serial, const char *label)
{
    struct cache_hint hint;
    bool found = cache_hint_find(world.cache, reader, text(atr), &hint);

    assert_int_equal(found, driver != NULL);
    if (!found)
        return;
    assert_string_equal(hint.driver, driver);
    assert_string_equal(hint.serial, serial);
    assert_string_equal(hint.label, label);
}

static void test_hint_when_reader_or_atr_known_then_all_or_driver(void **state)
{
    static const struct cache_hint other = {"iso15", "99", ""};

    (void)state;
    assert_hint("R0", "atr", NULL, "", "");
    cache_hint_keep(world.cache, "R0", text("atr"), &piv);
    cache_hint_keep(world.cache, "R1", text("rta"), &ias);
    assert_hint("R0", "atr", "piv", "77", "PIV of 77");
    assert_hint("R1", "rta", "ias", "88", "CPS3");
    assert_hint("R1", "atr", "piv", "", "");
    assert_hint("R0", "rta", "ias", "", "");
    assert_hint("R0", "at", NULL, "", "");
    cache_hint_keep(world.cache, "R2", text("atr"), &other); /* the newest */
    assert_hint("R3", "atr", "iso15", "", "");
    assert_hint("R0", "atr", "piv", "77", "PIV of 77");
    cache_hint_keep(world.cache, "R0", text("atr"), &ias);
    assert_hint("R0", "atr", "ias", "88", "CPS3");
    assert_hint("R3", "atr", "ias", "", "");
    assert_int_equal(world_count_files(), 1);
}

static void test_hint_when_known_then_not_written(void **state)
{
    struct stat before, after;

    (void)state;
    cache_hint_keep(world.cache, "R0", text("atr"), &piv);
    assert_int_equal(stat(world_path("hints"), &before), 0);
    cache_hint_keep(world.cache, "R0", text("atr"), &piv);
    assert_int_equal(stat(world_path("hints"), &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
    cache_hint_keep(world.cache, "R0", text("atr"), &ias);
    assert_int_equal(stat(world_path("hints"), &after), 0);
    assert_int_not_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
}

static void test_hint_when_over_the_cap_then_the_oldest_goes(void **state)
{
    char reader[300];

    (void)state;
    for (unsigned i = 0; i <= CACHE_MAX_HINTS; i++) {
        snprintf(reader, sizeof(reader), "R%u", i);
        cache_hint_keep(world.cache, reader, text(reader), &piv);
    }
    assert_hint("R0", "R0", NULL, "", "");
    assert_hint("R1", "R1", "piv", "77", "PIV of 77");
    assert_hint("R64", "R64", "piv", "77", "PIV of 77");
    memset(reader, 'R', sizeof(reader));
    reader[256] = '\0';
    cache_hint_keep(world.cache, reader, text("atr"), &piv);
    assert_hint(reader, "atr", NULL, "", "");
    for (unsigned i = 0; i <= CACHE_MAX_HINTS; i++)
        cache_hint_keep(world.cache, "R64", text("R64"),
                        i % 2 == 0 ? &ias : &piv);
    assert_hint("R1", "R1", "piv", "77", "PIV of 77");
}

static void test_hint_when_file_is_damaged_then_none(void **state)
{
    static const struct cache_hint bell = {"ias", "88", "\a"}; /* on screen */
    struct bytes whole;

    (void)state;
    cache_hint_keep(world.cache, "R1", text("rta"), &bell);
    assert_hint("R1", "rta", NULL, "", "");
    cache_hint_keep(world.cache, "R0", text("atr"), &piv);
    whole = world_read("hints");
    for (size_t i = 0; i < whole.len; i++) {
        world.space[i] ^= 0x80;
        world_write("hints", whole);
        assert_hint("R0", "atr", NULL, "", "");
        world.space[i] ^= 0x80;
        world_write("hints", bytes_from(world.space, i));
        assert_hint("R0", "atr", NULL, "", "");
    }
    cache_hint_keep(world.cache, "R0", text("atr"), &piv);
    assert_hint("R0", "atr", "piv", "77", "PIV of 77");
}

/* A file by another hand: a name as long as its place, without an end. */
static void test_hint_when_a_name_is_too_long_then_none_and_no_open_text(
    void **state)
{
    struct cache_hint hint = {.driver = ""};
    struct bytes whole, body;
    struct buf file;

    (void)state;
    cache_hint_keep(world.cache, "R0", text("atr"), &piv);
    whole = world_read("hints");
    assert_int_equal(buf_new(&file, whole.len + CACHE_DRIVER_MAX), 0);
    body = bytes_from(whole.data, strlen("tessera hints 1\n"));
    assert_int_equal(buf_put(&file, body), 0);
    assert_int_equal(buf_put(&file, text("\2R0\3atr\x20")), 0);
    for (int i = 0; i < CACHE_DRIVER_MAX; i++)
        assert_int_equal(buf_put_u8(&file, 'p'), 0);
    assert_int_equal(buf_put_u16(&file, 0), 0); /* serial, label */
    assert_int_equal(crypto_hash(world.crypto, CARD_HASH_SHA256,
                                 buf_view(&file), &file), 0);
    world_write("hints", buf_view(&file));
    buf_free(&file);
    assert_false(cache_hint_find(world.cache, "R0", text("atr"), &hint));
    assert_non_null(memchr(hint.driver, '\0', sizeof(hint.driver)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(test_hint_when_reader_or_atr_known_then_all_or_driver),
        IN_A_FOLDER(test_hint_when_known_then_not_written),
        IN_A_FOLDER(test_hint_when_over_the_cap_then_the_oldest_goes),
        IN_A_FOLDER(test_hint_when_file_is_damaged_then_none),
        IN_A_FOLDER(
            test_hint_when_a_name_is_too_long_then_none_and_no_open_text)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
