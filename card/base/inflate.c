/*
 * Decompression by zlib, at once into a buffer whose size is the limit.
 */
#include "card/base/inflate.h"

#define ZLIB_CONST /* zlib.h: what is read is const */
#include <zlib.h>

#include "card/error.h"
#include "card/object.h"

enum { WINDOW_BITS = 15, GZIP_FRAME = 16 }; /* inflateInit2 adds them up */

static int judge(int result, const z_stream *z, size_t room)
{
    if (result == Z_STREAM_END && z->avail_in == 0)
        return 0;
    if (result == Z_MEM_ERROR)
        return card_fail(CARD_E_MEMORY, "out of memory");
    if (result == Z_BUF_ERROR && z->avail_out == 0)
        return card_fail(CARD_E_BUFFER,
                         "compressed data: more than %zu bytes", room);
    return card_fail(CARD_E_PROTOCOL, "compressed data: %s",
                     result == Z_STREAM_END  ? "something follows it"
                     : result == Z_BUF_ERROR ? "the end is missing"
                                             : "damaged");
}

int inflate_gzip(struct bytes in, struct buf *out)
{
    size_t room = out->cap - out->len;
    z_stream z = {.next_in = in.data};
    int rc;

    if (in.len > CARD_MAX_FILE || room > CARD_MAX_FILE)
        return card_fail(CARD_E_ARGUMENT, "too much to decompress at once");
    z.avail_in = (uInt)in.len;
    z.next_out = out->data + out->len;
    z.avail_out = (uInt)room;
    if (inflateInit2(&z, WINDOW_BITS + GZIP_FRAME) != Z_OK)
        return card_fail(CARD_E_MEMORY, "out of memory");
    rc = judge(inflate(&z, Z_FINISH), &z, room);
    if (rc == 0)
        out->len += room - z.avail_out;
    inflateEnd(&z);
    return rc;
}
