/*
 * What is kept of one card: its entries in memory, as they stand in its file.
 */
#include "card/base/cache_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "card/error.h"

enum { FRAME_MAX = 256 }; /* kind, driver, serial, mark, checksum */

struct cache_card {
    struct cache *cache;
    char driver[CACHE_DRIVER_MAX];
    char serial[CARD_SERIAL_MAX];
    uint8_t mark_space[CACHE_MAX_MARK];
    struct buf mark;
    bool confirmed;
    bool changed;       /* the file is out of date */
    struct buf entries; /* one after the other, as in the file */
};

/* A short for the name, two bytes of length, the content. */
struct entry {
    struct bytes name;
    struct bytes content;
};

static bool next_entry(struct bytes *cursor, struct entry *out)
{
    uint16_t len;

    return cache_take_short(cursor, &out->name) &&
           bytes_take_u16(cursor, &len) &&
           bytes_take(cursor, len, &out->content);
}

static size_t entry_len(const struct entry *e)
{
    return 1 + e->name.len + 2 + e->content.len;
}

static void put_entry(struct buf *out, const struct entry *e)
{
    cache_put_short(out, e->name);
    buf_put_u16(out, (uint16_t)e->content.len);
    buf_put(out, e->content);
}

int cache_card_new(struct cache *cache, const char *driver, const char *serial,
                   struct cache_card **out)
{
    struct cache_card *card;

    *out = NULL;
    if (cache == NULL || serial[0] == '\0' ||
        strlen(serial) >= sizeof(card->serial) ||
        strlen(driver) >= sizeof(card->driver))
        return 0;
    if ((card = calloc(1, sizeof(*card))) == NULL)
        return card_fail(CARD_E_MEMORY, "out of memory");
    card->cache = cache;
    card->mark = (struct buf)BUF_ON(card->mark_space);
    snprintf(card->driver, sizeof(card->driver), "%s", driver);
    snprintf(card->serial, sizeof(card->serial), "%s", serial);
    *out = card;
    return 0;
}

void cache_card_free(struct cache_card *card)
{
    if (card == NULL)
        return;
    buf_free(&card->entries);
    free(card);
}

/* In hex: whatever driver and serial are, the name is one. */
static void name_file(const struct cache_card *card,
                      char out[CACHE_FILE_NAME_MAX])
{
    char driver[2 * CACHE_DRIVER_MAX], serial[2 * CARD_SERIAL_MAX];

    bytes_to_hex(bytes_of_string(card->driver), driver, sizeof(driver));
    bytes_to_hex(bytes_of_string(card->serial), serial, sizeof(serial));
    snprintf(out, CACHE_FILE_NAME_MAX, "%s-%s.card", driver, serial);
}

/* Of this card in this state; a file may have been copied to another's name. */
static bool take_frame(const struct cache_card *card, struct bytes *cursor)
{
    struct bytes driver, serial, mark;

    return cache_take_short(cursor, &driver) &&
           cache_take_short(cursor, &serial) &&
           cache_take_short(cursor, &mark) &&
           bytes_equal(driver, bytes_of_string(card->driver)) &&
           bytes_equal(serial, bytes_of_string(card->serial)) &&
           bytes_equal(mark, buf_view(&card->mark));
}

static bool are_entries(struct bytes cursor)
{
    struct entry e;
    size_t count = 0;

    while (cursor.len > 0)
        if (count++ == CACHE_MAX_ENTRIES || !next_entry(&cursor, &e))
            return false;
    return true;
}

static void load(struct cache_card *card)
{
    char name[CACHE_FILE_NAME_MAX];
    struct bytes body;
    struct buf file;

    name_file(card, name);
    if (!cache_file_read(card->cache, name, CACHE_CARD_KIND, &file, &body))
        return;
    if (take_frame(card, &body) && are_entries(body) &&
        buf_new(&card->entries, body.len) == 0)
        buf_put(&card->entries, body);
    buf_free(&file);
}

void cache_card_confirm(struct cache_card *card, struct bytes mark)
{
    if (card == NULL ||
        (card->confirmed && bytes_equal(buf_view(&card->mark), mark)))
        return;
    buf_free(&card->entries);
    card->mark.len = 0;
    card->confirmed = buf_put(&card->mark, mark) == 0;
    if (card->confirmed && !card->changed)
        load(card);
}

bool cache_card_find(const struct cache_card *card, struct bytes name,
                     struct bytes *content)
{
    struct bytes cursor;
    struct entry e;

    if (card == NULL)
        return false;
    cursor = buf_view(&card->entries);
    while (next_entry(&cursor, &e)) {
        if (!bytes_equal(e.name, name))
            continue;
        *content = e.content;
        return true;
    }
    return false;
}

/* All but those of that name; how many. */
static size_t copy_others(struct bytes entries, struct bytes name,
                          struct buf *out)
{
    struct entry e;
    size_t count = 0;

    while (next_entry(&entries, &e)) {
        if (bytes_equal(e.name, name))
            continue;
        put_entry(out, &e);
        count++;
    }
    return count;
}

static bool fits(const struct entry *e, size_t count, size_t used)
{
    return e->name.len <= CACHE_MAX_NAME &&
           e->content.len <= CACHE_MAX_CONTENT && count < CACHE_MAX_ENTRIES &&
           used + entry_len(e) + FRAME_MAX <= CACHE_MAX_CARD;
}

void cache_card_keep(struct cache_card *card, struct bytes name,
                     struct bytes content)
{
    const struct entry e = {name, content};
    struct bytes old;
    struct buf kept;
    size_t count;

    if (card == NULL || !card->confirmed ||
        (cache_card_find(card, name, &old) && bytes_equal(old, content)))
        return;
    if (buf_new(&kept, card->entries.len + entry_len(&e)) < 0) {
        cache_card_forget(card);
        return;
    }
    count = copy_others(buf_view(&card->entries), name, &kept);
    if (fits(&e, count, kept.len))
        put_entry(&kept, &e);
    if (!bytes_equal(buf_view(&kept), buf_view(&card->entries)))
        card->changed = true;
    buf_free(&card->entries);
    card->entries = kept;
}

void cache_card_forget(struct cache_card *card)
{
    if (card == NULL)
        return;
    buf_free(&card->entries);
    card->changed = true;
}

static void write_card(struct cache_card *card, const char *name)
{
    struct buf file;

    if (buf_new(&file, FRAME_MAX + card->entries.len) < 0)
        return;
    buf_put(&file, bytes_of_string(CACHE_CARD_KIND));
    cache_put_short(&file, bytes_of_string(card->driver));
    cache_put_short(&file, bytes_of_string(card->serial));
    cache_put_short(&file, buf_view(&card->mark));
    buf_put(&file, buf_view(&card->entries));
    cache_file_write(card->cache, name, &file);
    buf_free(&file);
}

void cache_card_save(struct cache_card *card)
{
    char name[CACHE_FILE_NAME_MAX];

    if (card == NULL || !card->changed)
        return;
    card->changed = false;
    name_file(card, name);
    if (card->entries.len > 0)
        write_card(card, name);
    else
        cache_file_delete(card->cache, name);
}
