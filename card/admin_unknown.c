/*
 * A card that no driver knows: what ISO 7816-4 lets anybody read, for its owner
 * to look up or to send to us.
 */
#include "card/admin_int.h"

#include <stdio.h>

#include "card/driver/fields.h"
#include "card/wire/apdu.h"
#include "card/wire/iso7816.h"
#include "card/wire/p15.h"

enum { MAX_APPLICATIONS = 8, CHUNK = 0xE7, FILE_MAX = 1024 };

static const uint8_t mf[] = {0x3F, 0x00};
static const uint8_t ef_dir[] = {0x2F, 0x00};
static const uint8_t ef_atr[] = {0x2F, 0x01};

/* TS, T0, then interface bytes as the high nibbles say (7816-3, 8.2). */
static struct bytes historical_bytes(struct bytes atr)
{
    struct bytes skipped;
    uint8_t indicator, count;

    if (!bytes_take(&atr, 1, &skipped) || !bytes_take_u8(&atr, &indicator))
        return bytes_from(NULL, 0);
    count = indicator & 0x0F;
    while ((indicator & 0xF0) != 0) {
        size_t others = 0;
        bool more = (indicator & 0x80) != 0;

        for (unsigned bit = 0x10; bit <= 0x40; bit <<= 1)
            others += (indicator & bit) != 0;
        if (!bytes_take(&atr, others, &skipped))
            return bytes_from(NULL, 0);
        indicator = 0;
        if (more && !bytes_take_u8(&atr, &indicator))
            return bytes_from(NULL, 0);
    }
    return bytes_from(atr.data, atr.len < count ? atr.len : count);
}

/* Makers differ in which form of SELECT they take: a refusal says nothing. */
static int read_file(struct reader *r, struct bytes fid, struct buf *file)
{
    int rc;

    file->len = 0;
    rc = iso_select(r, 0x00, SELECT_NO_ANSWER, BYTES_OF(mf), NULL);
    if (rc == 0 || apdu_refused(rc))
        rc = iso_select(r, SELECT_FID, SELECT_NO_ANSWER, fid, NULL);
    if (apdu_refused(rc))
        rc = iso_select(r, SELECT_FID, SELECT_FCP, fid, file);
    if (rc < 0)
        return apdu_refused(rc) ? 0 : rc;
    file->len = 0;
    rc = iso_read_binary(r, 0, file->cap, CHUNK, file);
    return apdu_refused(rc) || rc == CARD_E_LOGIN ? 0 : rc;
}

static void put_applications(struct fields *f, struct bytes file)
{
    struct p15_app apps[MAX_APPLICATIONS];
    char aid[2 * CARD_PATH_MAX + 1], text[sizeof(aid) + CARD_LABEL_MAX];
    char name[48];
    size_t count = 0;

    p15_parse_dir(file, apps, nitems(apps), &count);
    for (size_t i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "application-%zu", i + 1);
        snprintf(text, sizeof(text), "%s %s",
                 bytes_to_hex(bytes_from(apps[i].aid.data, apps[i].aid.len),
                              aid, sizeof(aid)),
                 apps[i].label);
        fields_text(f, name, bytes_of_string(text), "EF.DIR (2F00)", false);
    }
    if (count == 0)
        fields_hex(f, "2F00", file, "EF.DIR (2F00)", false);
}

static int describe(struct reader *r, struct fields *f)
{
    struct bytes atr = bytes_from(r->atr, r->atr_len);
    uint8_t space[FILE_MAX];
    struct buf file = BUF_ON(space);
    int rc;

    fields_hex(f, "atr", atr, "PC/SC", false);
    fields_hex(f, "historical-bytes", historical_bytes(atr), "ATR", false);
    if ((rc = read_file(r, BYTES_OF(ef_dir), &file)) < 0)
        return rc;
    if (file.len > 0)
        put_applications(f, buf_view(&file));
    if ((rc = read_file(r, BYTES_OF(ef_atr), &file)) < 0)
        return rc;
    if (file.len > 0)
        fields_hex(f, "2F01", buf_view(&file), "EF.ATR (2F01)", false);
    return f->rc;
}

int card_describe_unknown(struct card_context *ctx, const char *reader,
                          card_field_fn *put, void *arg)
{
    struct reader r = {.ops = ctx->readers, .io = ctx->reader_io,
                       .budget = APDU_BUDGET};
    struct fields f = {put, arg, 0};
    int rc;

    card_error_clear();
    snprintf(r.name, sizeof(r.name), "%s", reader);
    if ((rc = r.ops->connect(&r)) == 0 && (rc = r.ops->begin(&r)) == 0) {
        rc = describe(&r, &f);
        r.ops->end(&r, READER_LEAVE);
    }
    r.ops->disconnect(&r);
    return rc < 0 ? card_fail_in(rc, "reader \"%s\"", reader) : 0;
}
