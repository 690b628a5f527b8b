/*
 * Hints: the cards last seen, by reader and ATR, in one file.
 */
#include "card/base/cache_file.h"

enum { ROW_MAX = 5 * (1 + CACHE_SHORT_MAX) };

/* Five shorts; the newest comes first. */
struct hint_row {
    struct bytes reader, atr, driver, serial, label;
};

static bool next_row(struct bytes *cursor, struct hint_row *out)
{
    return cache_take_short(cursor, &out->reader) &&
           cache_take_short(cursor, &out->atr) &&
           cache_take_short(cursor, &out->driver) &&
           cache_take_short(cursor, &out->serial) &&
           cache_take_short(cursor, &out->label);
}

static void put_row(struct buf *out, const struct hint_row *row)
{
    cache_put_short(out, row->reader);
    cache_put_short(out, row->atr);
    cache_put_short(out, row->driver);
    cache_put_short(out, row->serial);
    cache_put_short(out, row->label);
}

static bool is_place(const struct hint_row *row, struct bytes reader,
                     struct bytes atr)
{
    return bytes_equal(row->reader, reader) && bytes_equal(row->atr, atr);
}

/* People may see it: no control character. */
static bool take_text(struct bytes bytes, char *out, size_t cap)
{
    struct buf text = {(uint8_t *)out, 0, cap};

    if (bytes.len >= cap)
        return false;
    for (size_t i = 0; i < bytes.len; i++)
        if (bytes.data[i] < 0x20 || bytes.data[i] == 0x7F)
            return false;
    return buf_put(&text, bytes) == 0 && buf_put_u8(&text, 0) == 0;
}

static bool take_row(const struct hint_row *row, bool all,
                     struct cache_hint *out)
{
    const struct bytes nothing = {NULL, 0};

    return take_text(row->driver, out->driver, sizeof(out->driver)) &&
           take_text(all ? row->serial : nothing, out->serial,
                     sizeof(out->serial)) &&
           take_text(all ? row->label : nothing, out->label,
                     sizeof(out->label));
}

static bool find_place(struct bytes rows, struct bytes reader,
                       struct bytes atr, struct hint_row *out)
{
    while (next_row(&rows, out))
        if (is_place(out, reader, atr))
            return true;
    return false;
}

static bool find_atr(struct bytes rows, struct bytes atr, struct hint_row *out)
{
    while (next_row(&rows, out))
        if (bytes_equal(out->atr, atr))
            return true;
    return false;
}

static bool read_hints(struct cache *cache, struct buf *file,
                       struct bytes *rows)
{
    return cache_file_read(cache, CACHE_HINTS_NAME, CACHE_HINTS_KIND, file,
                           rows);
}

bool cache_hint_find(struct cache *cache, const char *reader, struct bytes atr,
                     struct cache_hint *out)
{
    struct hint_row row;
    struct bytes rows;
    struct buf file;
    bool found;

    if (cache == NULL || !read_hints(cache, &file, &rows))
        return false;
    if (find_place(rows, bytes_of_string(reader), atr, &row))
        found = take_row(&row, true, out);
    else
        found = find_atr(rows, atr, &row) && take_row(&row, false, out);
    buf_free(&file);
    return found;
}

static bool is_known(struct bytes rows, const struct hint_row *hint)
{
    struct hint_row row;

    return find_place(rows, hint->reader, hint->atr, &row) &&
           bytes_equal(row.driver, hint->driver) &&
           bytes_equal(row.serial, hint->serial) &&
           bytes_equal(row.label, hint->label);
}

/* The new one, then the others as far as they go. */
static void write_hints(struct cache *cache, const struct hint_row *newest,
                        struct bytes rows)
{
    struct hint_row row;
    struct buf file;
    size_t count = 1;

    if (buf_new(&file, sizeof(CACHE_HINTS_KIND) + ROW_MAX + rows.len +
                           CACHE_CHECKSUM) < 0)
        return;
    buf_put(&file, bytes_of_string(CACHE_HINTS_KIND));
    put_row(&file, newest);
    while (count < CACHE_MAX_HINTS && next_row(&rows, &row)) {
        if (is_place(&row, newest->reader, newest->atr))
            continue;
        put_row(&file, &row);
        count++;
    }
    cache_file_write(cache, CACHE_HINTS_NAME, &file);
    buf_free(&file);
}

void cache_hint_keep(struct cache *cache, const char *reader, struct bytes atr,
                     const struct cache_hint *hint)
{
    const struct hint_row row = {
        bytes_of_string(reader), atr, bytes_of_string(hint->driver),
        bytes_of_string(hint->serial), bytes_of_string(hint->label)};
    struct bytes rows;
    struct buf file;

    if (cache == NULL || row.reader.len > CACHE_SHORT_MAX ||
        atr.len > CACHE_SHORT_MAX)
        return;
    read_hints(cache, &file, &rows);
    if (!is_known(rows, &row))
        write_hints(cache, &row, rows);
    buf_free(&file);
}
