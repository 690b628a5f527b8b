/*
 * libFuzzer: files of the cache. The input becomes the file of a card or that
 * of the hints; what is found in it must be whole and come back when saved.
 *
 * Input: 1 byte (bit 0: hints; bit 1: as it is, else the kind goes before and
 * the checksum behind; bit 2: of the right card, the driver, serial and mark go
 * before too), then the file.
 */
#define _DEFAULT_SOURCE /* mkdtemp */

#include "card/base/cache_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "card/base/folder.h"
#include "tests/fuzz/fuzz.h"

enum { HINTS = 1, AS_IT_IS = 2, RIGHT_CARD = 4 };

/* Of driver "d" and serial "s". */
#define CARD_NAME "64-73.card"

static const uint8_t frame[] = {1, 'd', 1, 's', 1, 'm'};
static const uint8_t mark[] = {'m'};

static char folder[] = "/tmp/fuzz_cache.XXXXXX";
static struct crypto *crypto;
static struct cache *cache;

static void delete_folder(void)
{
    cache_file_delete(cache, CARD_NAME);
    cache_file_delete(cache, CACHE_HINTS_NAME);
    rmdir(folder);
    cache_free(cache);
    crypto_free(crypto);
}

static void make_folder(void)
{
    must(mkdtemp(folder) != NULL, "a folder can be made");
    must(crypto_new(&crypto) == 0 && cache_new(crypto, folder, &cache) == 0,
         "memory");
    atexit(delete_folder);
}

static void write_as_it_is(const char *name, struct bytes input)
{
    int fd = folder_open(folder, S_IRWXG | S_IRWXO);

    must(fd >= 0 && folder_write(fd, name, input), "a file can be written");
    close(fd);
}

static void write_sealed(const char *name, const char *kind, bool right_card,
                         struct bytes input)
{
    struct bytes start = bytes_of_string(kind);
    struct buf file;

    must(buf_new(&file, start.len + sizeof(frame) + input.len +
                            CACHE_CHECKSUM) == 0, "memory");
    buf_put(&file, start);
    if (right_card)
        buf_put(&file, BYTES_OF(frame));
    buf_put(&file, input);
    cache_file_write(cache, name, &file);
    buf_free(&file);
}

/* Each byte is read: sanitizers see one that is not there. */
static uint8_t sum(struct bytes bytes)
{
    uint8_t total = 0, byte;

    while (bytes_take_u8(&bytes, &byte))
        total = (uint8_t)(total + byte);
    return total;
}

static struct cache_card *open_card(void)
{
    struct cache_card *card;

    must(cache_card_new(cache, "d", "s", &card) == 0, "memory");
    cache_card_confirm(card, BYTES_OF(mark));
    return card;
}

/* Names of one byte, or that and the next. */
static struct bytes name_of(uint8_t space[2], unsigned i)
{
    space[0] = (uint8_t)i;
    space[1] = (uint8_t)(i + 1);
    return bytes_from(space, 1 + (i >> 8));
}

static void must_come_back(struct cache_card *card)
{
    struct cache_card *again = open_card();
    struct bytes found, same;
    uint8_t space[2];

    for (unsigned i = 0; i < 512; i++) {
        struct bytes name = name_of(space, i);

        if (!cache_card_find(card, name, &found))
            continue;
        must(found.len <= CACHE_MAX_CONTENT, "content is within its cap");
        must(cache_card_find(again, name, &same) &&
                 bytes_equal(found, same) && sum(found) == sum(same),
             "what was saved is found");
    }
    cache_card_free(again);
}

static void use_card(void)
{
    static const uint8_t added[] = {'a'}, content[] = {'c'};
    struct cache_card *card = open_card();
    struct bytes found;

    cache_card_keep(card, BYTES_OF(added), BYTES_OF(content));
    if (cache_card_find(card, BYTES_OF(added), &found))
        must(bytes_equal(found, BYTES_OF(content)), "the newest is found");
    cache_card_save(card);
    must_come_back(card);
    cache_card_forget(card);
    must(!cache_card_find(card, BYTES_OF(added), &found), "all is forgotten");
    cache_card_save(card);
    must_come_back(card);
    cache_card_free(card);
}

static void must_be_text(const char *string, size_t cap)
{
    must_be_string(string, cap);
    for (; *string != '\0'; string++)
        must((unsigned char)*string >= 0x20 && *string != 0x7F,
             "a hint can be shown");
}

static void look_for(const char *reader, struct bytes atr)
{
    struct cache_hint hint;

    if (!cache_hint_find(cache, reader, atr, &hint))
        return;
    must_be_text(hint.driver, sizeof(hint.driver));
    must_be_text(hint.serial, sizeof(hint.serial));
    must_be_text(hint.label, sizeof(hint.label));
}

static void use_hints(void)
{
    static const struct cache_hint hint = {"d", "s", "label"};
    static const uint8_t atr[] = {0x3B, 0x00};
    struct cache_hint found;

    look_for("R", bytes_from(atr, 1));
    look_for("", bytes_from(atr, 0));
    cache_hint_keep(cache, "R", BYTES_OF(atr), &hint);
    must(cache_hint_find(cache, "R", BYTES_OF(atr), &found) &&
             strcmp(found.label, hint.label) == 0,
         "a hint kept is found");
    look_for("R", bytes_from(atr, 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = bytes_from(data, size);
    uint8_t how;

    if (cache == NULL)
        make_folder();
    if (!bytes_take_u8(&input, &how))
        return 0;
    if ((how & AS_IT_IS) != 0)
        write_as_it_is((how & HINTS) != 0 ? CACHE_HINTS_NAME : CARD_NAME,
                       input);
    else if ((how & HINTS) != 0)
        write_sealed(CACHE_HINTS_NAME, CACHE_HINTS_KIND, false, input);
    else
        write_sealed(CARD_NAME, CACHE_CARD_KIND, (how & RIGHT_CARD) != 0,
                     input);
    if ((how & HINTS) != 0)
        use_hints();
    else
        use_card();
    return 0;
}
