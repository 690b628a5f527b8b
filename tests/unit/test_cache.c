/*
 * What is kept of a card is found again; what is damaged, of another card or
 * state, or too much is not.
 */
#include "card/base/cache.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/cache_world.h"

/* ---- one card ------------------------------------------------------------ */

static void test_card_when_there_is_no_cache_then_nothing_happens(void **state)
{
    struct cache_hint hint = {"ias", "01", ""};
    struct cache_card *card;
    struct bytes found;

    (void)state;
    assert_int_equal(cache_card_new(NULL, "ias", "01", &card), 0);
    assert_null(card);
    assert_int_equal(cache_card_new(world.cache, "ias", "", &card), 0);
    assert_null(card);
    cache_card_confirm(card, text("m"));
    cache_card_keep(card, text("name"), text("content"));
    assert_false(cache_card_find(card, text("name"), &found));
    cache_card_forget(card);
    cache_card_save(card);
    cache_card_free(card);
    cache_hint_keep(NULL, "Reader", text("atr"), &hint);
    assert_false(cache_hint_find(NULL, "Reader", text("atr"), &hint));
    cache_free(NULL);
}

static void test_card_when_not_confirmed_then_nothing_is_kept(void **state)
{
    struct cache_card *card;
    struct bytes found;

    (void)state;
    world_save("01", "m", "content");
    assert_int_equal(cache_card_new(world.cache, "ias", "01", &card), 0);
    assert_false(cache_card_find(card, text("name"), &found));
    cache_card_keep(card, text("other"), text("content"));
    cache_card_confirm(card, text("m"));
    assert_false(cache_card_find(card, text("other"), &found));
    assert_true(cache_card_find(card, text("name"), &found));
    cache_card_confirm(card, bytes_from(world.space, CACHE_MAX_MARK + 1));
    assert_false(cache_card_find(card, text("name"), &found));
    cache_card_free(card);
}

static void test_card_when_saved_then_found_and_private(void **state)
{
    static const uint8_t binary[] = {0x00, 0xFF, 0x2F, 0x00};
    struct cache_card *card = world_card("01", "");
    struct bytes found;
    struct stat st;

    (void)state;
    cache_card_keep(card, BYTES_OF(binary), text("one"));
    cache_card_keep(card, text("empty"), text(""));
    cache_card_keep(card, text("name"), text("old"));
    cache_card_keep(card, text("name"), text("new"));
    assert_int_not_equal(stat(world.folder, &st), 0); /* until saved */
    cache_card_save(card);
    cache_card_free(card);
    assert_int_equal(stat(world.folder, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(stat(world_path(CACHE_WORLD_FILE), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    card = world_card("01", "");
    assert_true(cache_card_find(card, BYTES_OF(binary), &found));
    assert_true(bytes_equal(found, text("one")));
    assert_true(cache_card_find(card, text("empty"), &found));
    assert_int_equal(found.len, 0);
    assert_true(cache_card_find(card, text("name"), &found));
    assert_true(bytes_equal(found, text("new")));
    assert_false(cache_card_find(card, text("nam"), &found));
    cache_card_free(card);
    assert_false(world_is_kept("02", "", "new"));
}

static void test_card_when_mark_changes_then_all_is_dropped(void **state)
{
    struct cache_card *card;
    struct bytes found;

    (void)state;
    world_save("01", "m1", "content");
    assert_true(world_is_kept("01", "m1", "content"));
    assert_false(world_is_kept("01", "m2", "content"));
    assert_false(world_is_kept("01", "", "content"));
    card = world_card("01", "m1");
    cache_card_confirm(card, text("m1"));
    assert_true(cache_card_find(card, text("name"), &found));
    cache_card_confirm(card, text("m2"));
    assert_false(cache_card_find(card, text("name"), &found));
    cache_card_keep(card, text("name"), text("newer"));
    cache_card_save(card);
    cache_card_free(card);
    assert_false(world_is_kept("01", "m1", "content"));
    assert_true(world_is_kept("01", "m2", "newer"));
}

static void test_card_when_forgotten_then_its_file_goes(void **state)
{
    struct cache_card *card;
    struct bytes found;

    (void)state;
    world_save("01", "m", "content");
    card = world_card("01", "m");
    cache_card_forget(card);
    assert_false(cache_card_find(card, text("name"), &found));
    cache_card_confirm(card, text("other"));
    cache_card_confirm(card, text("m"));
    assert_false(cache_card_find(card, text("name"), &found));
    cache_card_save(card);
    assert_int_equal(world_count_files(), 0);
    cache_card_keep(card, text("name"), text("right"));
    cache_card_save(card);
    cache_card_free(card);
    assert_true(world_is_kept("01", "m", "right"));
}

static void test_card_when_nothing_changed_then_nothing_is_written(void **state)
{
    struct cache_card *card;
    struct stat before, after;

    (void)state;
    world_save("01", "m", "content");
    assert_int_equal(stat(world_path(CACHE_WORLD_FILE), &before), 0);
    card = world_card("01", "m");
    cache_card_keep(card, text("name"), text("content"));
    cache_card_keep(card, text("big"), BYTES_OF(world.space));
    cache_card_save(card);
    cache_card_free(card);
    assert_int_equal(stat(world_path(CACHE_WORLD_FILE), &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
}

/* ---- hostile files ------------------------------------------------------- */

static void test_file_when_any_byte_differs_then_ignored(void **state)
{
    struct bytes whole;

    (void)state;
    world_save("01", "m", "content");
    whole = world_read(CACHE_WORLD_FILE);
    assert_true(whole.len > 32);
    for (size_t i = 0; i < whole.len; i++) {
        world.space[i] ^= 0x01;
        world_write(CACHE_WORLD_FILE, whole);
        assert_false(world_is_kept("01", "m", "content"));
        world.space[i] ^= 0x01;
    }
    world_write(CACHE_WORLD_FILE, whole);
    assert_true(world_is_kept("01", "m", "content"));
}

static void test_file_when_cut_or_longer_then_ignored(void **state)
{
    struct bytes whole;

    (void)state;
    world_save("01", "m", "content");
    whole = world_read(CACHE_WORLD_FILE);
    for (size_t len = 0; len <= whole.len + 1; len++) {
        world_write(CACHE_WORLD_FILE, bytes_from(world.space, len));
        assert_int_equal(world_is_kept("01", "m", "content"), len == whole.len);
    }
    world_write(CACHE_WORLD_FILE, BYTES_OF(world.space));
    assert_false(world_is_kept("01", "m", "content"));
}

static const char kind[] = "tessera card 1\n";

static void seal(struct buf *file)
{
    assert_int_equal(crypto_hash(world.crypto, CARD_HASH_SHA256, buf_view(file),
                                 file), 0);
    world_write(CACHE_WORLD_FILE, buf_view(file));
}

/* Whatever is in it, its checksum is right. */
static void write_sound(const char *of, const char *frame,
                        const char *entries)
{
    struct buf file = BUF_ON(world.space);

    assert_int_equal(buf_put(&file, text(of)), 0);
    assert_int_equal(bytes_from_hex(frame, &file), 0);
    assert_int_equal(bytes_from_hex(entries, &file), 0);
    seal(&file);
}

static void assert_ignored(const char *frame, const char *entries)
{
    write_sound(kind, frame, entries);
    assert_false(world_is_kept("01", "m", "c"));
}

static void test_file_when_sound_and_senseless_then_ignored(void **state)
{
    static const char right[] = "03696173 023031 016D";
    static const char entry[] = "046E616D65 0001 63"; /* name: c */
    char many[(CACHE_MAX_ENTRIES + 1) * sizeof(entry) + 1] = "";

    (void)state;
    world_save("01", "m", "c");
    write_sound(kind, right, entry);
    assert_true(world_is_kept("01", "m", "c"));
    write_sound("tessera card 2\n", right, entry);
    assert_false(world_is_kept("01", "m", "c"));
    assert_ignored("03696173 023032 016D", entry); /* another card's */
    assert_ignored("03696174 023031 016D", entry); /* another driver's */
    assert_ignored("03696173 023031 00", entry);
    assert_ignored("03696173 023031 FF6D", entry);
    assert_ignored("03696173", "");
    assert_ignored("", "");
    assert_ignored(right, "046E616D65 0002 63");
    assert_ignored(right, "046E616D65 0001 63 00");
    assert_ignored(right, "046E616D65 00");
    assert_ignored(right, "FF6E616D65 0001 63");
    for (size_t i = 0; i <= CACHE_MAX_ENTRIES; i++)
        strcat(many, entry);
    assert_ignored(right, many);
}

/* As many long entries as are over the cap together, none of them alone. */
static void test_file_when_over_its_cap_then_ignored(void **state)
{
    struct buf file = BUF_ON(world.space);

    (void)state;
    world_save("01", "m", "c");
    assert_int_equal(buf_put(&file, text(kind)), 0);
    assert_int_equal(bytes_from_hex("03696173 023031 016D", &file), 0);
    assert_int_equal(bytes_from_hex("046E616D65 0001 63", &file), 0);
    while (file.len <= CACHE_MAX_CARD) {
        assert_int_equal(bytes_from_hex("0161 FFFF", &file), 0);
        file.len += CACHE_MAX_CONTENT;
    }
    seal(&file);
    assert_false(world_is_kept("01", "m", "c"));
}

/* ---- caps ---------------------------------------------------------------- */

static void keep_at(struct cache_card *card, size_t i, size_t len)
{
    uint8_t name[2] = {(uint8_t)(i >> 8), (uint8_t)i};

    cache_card_keep(card, BYTES_OF(name), bytes_from(world.space, len));
}

/* Of those named by keep_at. */
static size_t count_found(struct cache_card *card)
{
    size_t count = 0;

    for (size_t i = 0; i < 300; i++) {
        uint8_t name[2] = {(uint8_t)(i >> 8), (uint8_t)i};
        struct bytes found;

        count += cache_card_find(card, BYTES_OF(name), &found) ? 1 : 0;
    }
    return count;
}

static void test_entry_when_too_long_then_neither_it_nor_the_old(void **state)
{
    struct cache_card *card = world_card("01", "m");
    struct bytes longest = bytes_from(world.space, CACHE_MAX_NAME);
    struct bytes too_long = bytes_from(world.space, CACHE_MAX_NAME + 1);
    struct bytes found;

    (void)state;
    memset(world.space, 'x', sizeof(world.space));
    cache_card_keep(card, longest, text("content"));
    cache_card_keep(card, too_long, text(""));
    cache_card_save(card);
    cache_card_free(card);
    card = world_card("01", "m");
    assert_true(cache_card_find(card, longest, &found));
    assert_false(cache_card_find(card, too_long, &found));
    longest.len = CACHE_MAX_CONTENT;
    too_long.len = CACHE_MAX_CONTENT + 1;
    cache_card_keep(card, text("name"), longest);
    assert_true(cache_card_find(card, text("name"), &found));
    assert_true(bytes_equal(found, longest));
    cache_card_keep(card, text("name"), too_long);
    assert_false(cache_card_find(card, text("name"), &found));
    cache_card_free(card);
}

static void test_card_when_over_its_caps_then_the_first_stay(void **state)
{
    struct cache_card *card = world_card("01", "m");

    (void)state;
    for (size_t i = 0; i < 300; i++)
        keep_at(card, i, 1);
    assert_int_equal(count_found(card), CACHE_MAX_ENTRIES);
    cache_card_save(card);
    cache_card_free(card);
    card = world_card("01", "m");
    assert_int_equal(count_found(card), CACHE_MAX_ENTRIES);
    cache_card_forget(card);
    for (size_t i = 0; i < 30; i++)
        keep_at(card, i, 10000);
    assert_int_equal(count_found(card), 26); /* of 10005 bytes, in 256 KiB */
    cache_card_save(card);
    cache_card_free(card);
    assert_true(world_read(CACHE_WORLD_FILE).len <= CACHE_MAX_CARD);
    card = world_card("01", "m");
    assert_int_equal(count_found(card), 26);
    cache_card_free(card);
}

static void test_folder_when_full_of_cards_then_the_oldest_goes(void **state)
{
    struct timespec times[2] = {{0, UTIME_OMIT}, {0, 0}};
    char serial[8], name[64];

    (void)state;
    world_save("01", "m", "content");
    world_write("1-2-3.new", text("left by one who was killed"));
    world_write("README", text("of the user"));
    for (unsigned i = 0; i < CACHE_MAX_CARDS + 4; i++) {
        snprintf(serial, sizeof(serial), "%02u", i + 1);
        world_save(serial, "m", "content");
        snprintf(name, sizeof(name), "696173-%02X%02X.card", serial[0],
                 serial[1]);
        times[1].tv_sec = 1000000 + (time_t)i;
        assert_int_equal(utimensat(AT_FDCWD, world_path(name), times, 0), 0);
        if (i == 1) {
            times[1].tv_sec = 1000;
            utimensat(AT_FDCWD, world_path("1-2-3.new"), times, 0);
        }
    }
    assert_int_equal(world_count_files(), CACHE_MAX_CARDS + 1); /* README */
    assert_int_not_equal(access(world_path("1-2-3.new"), F_OK), 0);
    assert_false(world_is_kept("04", "m", "content"));
    assert_true(world_is_kept("05", "m", "content"));
    assert_true(world_is_kept("68", "m", "content"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(test_card_when_there_is_no_cache_then_nothing_happens),
        IN_A_FOLDER(test_card_when_not_confirmed_then_nothing_is_kept),
        IN_A_FOLDER(test_card_when_saved_then_found_and_private),
        IN_A_FOLDER(test_card_when_mark_changes_then_all_is_dropped),
        IN_A_FOLDER(test_card_when_forgotten_then_its_file_goes),
        IN_A_FOLDER(test_card_when_nothing_changed_then_nothing_is_written),
        IN_A_FOLDER(test_file_when_any_byte_differs_then_ignored),
        IN_A_FOLDER(test_file_when_cut_or_longer_then_ignored),
        IN_A_FOLDER(test_file_when_sound_and_senseless_then_ignored),
        IN_A_FOLDER(test_file_when_over_its_cap_then_ignored),
        IN_A_FOLDER(test_entry_when_too_long_then_neither_it_nor_the_old),
        IN_A_FOLDER(test_card_when_over_its_caps_then_the_first_stay),
        IN_A_FOLDER(test_folder_when_full_of_cards_then_the_oldest_goes)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
