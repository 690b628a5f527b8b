/*
 * Any card with ISO 7816-15 (PKCS#15 v1.1) directories, by the commands of ISO
 * 7816-4 and -8. What single makes do otherwise is in iso15_cards.c.
 *
 * The serial number of TokenInfo names the card, or else that of EF.GDO, or
 * else the time of the last update; a card with none of them is known by its
 * title alone, and not cached. Objects in a directory that is only seen after
 * login are not listed.
 */
#include "card/driver/iso15.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "card/driver/iso15_use.h"
#include "card/wire/apdu.h"
#include "card/wire/iso7816.h"
#include "card/wire/tlv.h"

enum { MAX_APPS = 8, MAX_RECORDS = 16, MAX_INFO = 4096 };

static const uint8_t path_app[] = {0x3F, 0x00, 0x50, 0x15};
static const uint8_t path_dir[] = {0x3F, 0x00, 0x2F, 0x00};
static const uint8_t path_gdo[] = {0x3F, 0x00, 0x2F, 0x02};
static const uint8_t fid_info[] = {0x50, 0x32};
static const uint8_t rid_pkcs15[] = {0xA0, 0x00, 0x00, 0x00, 0x63};
static const uint8_t rid_iso15[] = {0xE8, 0x28, 0xBD, 0x08, 0x0F};
static const uint8_t aid_pkcs15[] = {0xA0, 0x00, 0x00, 0x00, 0x63, 0x50,
                                     0x4B, 0x43, 0x53, 0x2D, 0x31, 0x35};

/* ---- recognition --------------------------------------------------------- */

static int read_info(struct token *t)
{
    struct iso15 *iso = t->priv;
    uint8_t space[MAX_INFO];
    struct buf file = BUF_ON(space);
    int rc;

    if ((rc = iso15_select_file(t, BYTES_OF(fid_info))) < 0 ||
        (rc = p15_read_objects(t, p15_whole, &file)) < 0)
        return rc;
    return p15_parse_token_info(buf_view(&file), &iso->info);
}

/* The card spoke: it is of another kind. All other errors say nothing. */
static bool is_elsewhere(int rc)
{
    return apdu_refused(rc) || rc == CARD_E_PROTOCOL || rc == CARD_E_LOGIN ||
           rc == CARD_E_PIN_WRONG || rc == CARD_E_PIN_LOCKED;
}

/* EF.DIR may leave out the MF. */
static int try_path(struct token *t, struct bytes path)
{
    static const uint8_t mf[] = {0x3F, 0x00};
    struct iso15 *iso = t->priv;
    struct buf whole = BUF_ON(iso->path.data);

    iso->path.len = 0;
    if (path.len % 2 != 0 ||
        (!iso15_is_absolute(path) && buf_put(&whole, BYTES_OF(mf)) < 0) ||
        buf_put(&whole, path) < 0)
        return card_fail(CARD_E_PROTOCOL, "EF.DIR: a malformed path");
    iso->path.len = whole.len;
    return read_info(t);
}

static int try_aid(struct token *t, struct bytes aid)
{
    struct iso15 *iso = t->priv;

    iso->path.len = 0;
    iso15_set_path(&iso->aid, aid);
    t->selected = false;
    return read_info(t);
}

static bool names_pkcs15(const struct p15_app *app)
{
    struct bytes aid = iso15_path(&app->aid);

    return bytes_start_with(aid, BYTES_OF(rid_pkcs15)) ||
           bytes_start_with(aid, BYTES_OF(rid_iso15)) ||
           strstr(app->label, "PKCS#15") != NULL ||
           strstr(app->label, "PKCS-15") != NULL;
}

/* EF.DIR with a record for each application, which may be padded. */
static int read_records(struct token *t, struct buf *file)
{
    struct apdu cmd = {.ins = INS_READ_RECORD, .p2 = 0x04,
                       .le = APDU_LE_MAX};
    uint16_t sw = SW_OK;
    int rc;

    for (cmd.p1 = 1; cmd.p1 <= MAX_RECORDS; cmd.p1++) {
        size_t start = file->len, len;

        rc = apdu_exchange(t->reader, &cmd, file, &sw);
        if (rc < 0 || sw != SW_OK)
            return rc;
        if (tlv_whole_len(bytes_from(file->data + start, file->len - start),
                          &len) && len < file->len - start)
            file->len = start + len;
    }
    return 0;
}

static int read_dir(struct token *t, struct buf *file)
{
    int rc;

    t->selected = false;
    if ((rc = iso15_select_path(t, BYTES_OF(path_dir))) < 0)
        return rc;
    rc = p15_read_objects(t, p15_whole, file);
    return rc == CARD_E_UNSUPPORTED ? read_records(t, file) : rc;
}

/* Fact sheet, section 3: what EF.DIR names. */
static int try_dir(struct token *t)
{
    uint8_t space[MAX_INFO];
    struct buf file = BUF_ON(space);
    struct p15_app apps[MAX_APPS];
    size_t count;
    int rc = read_dir(t, &file);

    if (rc < 0)
        return rc;
    p15_parse_dir(buf_view(&file), apps, nitems(apps), &count);
    for (size_t i = 0; i < count; i++) {
        if (!names_pkcs15(&apps[i]))
            continue;
        rc = apps[i].path.len > 0 ? try_path(t, iso15_path(&apps[i].path))
                                  : try_aid(t, iso15_path(&apps[i].aid));
        if (!is_elsewhere(rc))
            return rc;
    }
    return CARD_E_NOT_FOUND;
}

static int discover(struct token *t)
{
    int rc = try_dir(t);

    if (is_elsewhere(rc))
        rc = try_aid(t, BYTES_OF(aid_pkcs15));
    if (is_elsewhere(rc))
        rc = try_path(t, BYTES_OF(path_app));
    return is_elsewhere(rc) ? CARD_E_NOT_MINE : rc;
}

/* Where the path is known EF.DIR need not be read. */
static int find_application(struct token *t)
{
    const struct iso15_card *card = ((struct iso15 *)t->priv)->card;
    int rc = CARD_E_NOT_FOUND;

    if (card->path_len > 0)
        rc = try_path(t, bytes_from(card->path, card->path_len));
    return is_elsewhere(rc) ? discover(t) : rc;
}

/*
 * Which applet has the card: one that answers with its features to SELECT is
 * of the time before GET DATA had them.
 */
static int find_applet(struct token *t, const struct iso15_card **out)
{
    struct iso15 *iso = t->priv;
    const struct iso15_card *card;
    int rc;

    for (size_t i = 0; (card = iso15_card_with_applet(i)) != NULL; i++) {
        struct buf answer = BUF_ON(iso->features_space);

        rc = iso_select(t->reader, SELECT_NAME, 0x00,
                        bytes_from(card->aid, card->aid_len), &answer);
        iso->features_len = answer.len;
        t->selected = iso->left_inside = rc == 0;
        if (rc == 0)
            *out = card;
        if (!is_elsewhere(rc))
            return rc;
    }
    *out = &iso15_any_card;
    return 0;
}

/* ---- what the card can carry --------------------------------------------- */

/* The historical bytes (ISO 7816-3, 8.2). */
static struct bytes history(const struct reader *r)
{
    struct bytes atr = bytes_from(r->atr, r->atr_len), skipped, out;
    uint8_t ts, t0, td;

    if (!bytes_take_u8(&atr, &ts) || !bytes_take_u8(&atr, &t0))
        return bytes_from(NULL, 0);
    td = t0;
    for (bool more = true; more;) {
        size_t n = (size_t)((td >> 4 & 1) + (td >> 5 & 1) + (td >> 6 & 1));

        more = (td & 0x80) != 0;
        if (!bytes_take(&atr, n, &skipped) ||
            (more && !bytes_take_u8(&atr, &td)))
            return bytes_from(NULL, 0);
    }
    if (!bytes_take(&atr, t0 & 0x0F, &out))
        return bytes_from(NULL, 0);
    return out;
}

/* 00 and 80: what follows is compact TLV. */
static uint8_t capabilities(const struct reader *r)
{
    struct bytes rest = history(r);
    uint8_t category;

    if (!bytes_take_u8(&rest, &category) ||
        (category != 0x00 && category != 0x80))
        return 0;
    return iso_card_capabilities(rest);
}

static void set_transport(struct token *t)
{
    const struct iso15_card *card = ((struct iso15 *)t->priv)->card;
    uint8_t told = capabilities(t->reader);

    t->reader->chaining = (told & ISO_CHAINING) != 0 ||
                          (card->quirks & QUIRK_CHAINING) != 0;
    t->reader->extended = !t->reader->chaining &&
                          ((told & ISO_EXTENDED) != 0 ||
                           (card->quirks & QUIRK_EXTENDED) != 0);
    iso15_use_transport(t);
}

/* ---- identity ------------------------------------------------------------ */

static bool is_zero(const char *hex)
{
    return strspn(hex, "0") == strlen(hex);
}

/* EF.GDO: 5A ICCSN (ISO 7816-4 8.2.1.3); a card without it is none's fault. */
static int read_iccsn(struct token *t)
{
    uint8_t space[APDU_LE_MAX];
    struct buf gdo = BUF_ON(space);
    struct bytes cursor;
    struct tlv tlv;
    int rc = iso15_select_whole(t, BYTES_OF(path_gdo));

    if (rc == 0)
        rc = p15_read_objects(t, p15_whole, &gdo);
    if (rc < 0)
        return is_elsewhere(rc) ? 0 : rc;
    cursor = buf_view(&gdo);
    if (tlv_next_is(&cursor, 0x5A, &tlv))
        bytes_to_hex(tlv.value, t->serial, sizeof(t->serial));
    return 0;
}

static int identify(struct token *t)
{
    struct iso15 *iso = t->priv;
    const struct p15_token_info *info = &iso->info;
    int rc = 0;

    memcpy(t->serial, info->serial, sizeof(t->serial));
    if (is_zero(t->serial) && (iso->card->quirks & QUIRK_APPLET_INFO) == 0)
        rc = read_iccsn(t);
    if (rc < 0)
        return rc;
    if (is_zero(t->serial))
        snprintf(t->serial, sizeof(t->serial), "%s", info->last_update);
    snprintf(t->model, sizeof(t->model), "%s", iso->card->model);
    snprintf(t->title, sizeof(t->title), "%s %.64s", iso->card->model,
             t->serial[0] != '\0' ? t->serial : info->label);
    memcpy(t->label, info->label, sizeof(t->label));
    memcpy(t->manufacturer, info->manufacturer, sizeof(t->manufacturer));
    t->listed |= TOKEN_INFO;
    return 0;
}

static const struct p15_dialect dialect;

static int make_priv(struct token *t)
{
    struct iso15 *iso = calloc(1, sizeof(*iso));

    if (iso == NULL)
        return card_fail(CARD_E_MEMORY, "out of memory");
    iso->p15.dialect = &dialect;
    iso->p2 = SELECT_NO_ANSWER;
    t->priv = iso;
    return 0;
}

static int recognise(struct token *t)
{
    struct iso15 *iso = t->priv;
    int rc;

    iso->card = iso15_card_of_atr(t->reader);
    if (iso->card == NULL && (rc = find_applet(t, &iso->card)) < 0)
        return rc;
    if ((rc = iso15_read_features(t)) < 0 || (rc = find_application(t)) < 0)
        return rc;
    set_transport(t);
    return identify(t);
}

static void iso15_close(struct token *t)
{
    free(t->priv);
    t->priv = NULL;
}

static int iso15_probe(struct token *t)
{
    int rc;

    if (t->priv == NULL && (rc = make_priv(t)) < 0)
        return rc;
    t->selected = false;
    if ((rc = recognise(t)) < 0)
        iso15_close(t);
    return rc;
}

static bool iso15_likely(const struct reader *r)
{
    return iso15_card_of_atr(r) != NULL;
}

/* ---- objects ------------------------------------------------------------- */

static void judge(struct token *t, struct card_key_info *key)
{
    struct iso15 *iso = t->priv;

    iso15_judge(iso->card, &iso->info, key);
    iso15_use_features(t, key);
}

static int mark(struct token *t, struct buf *out)
{
    const struct iso15 *iso = t->priv;

    if (iso->info.last_update[0] == '\0')
        return CARD_E_NOT_FOUND;
    return buf_put(out, bytes_of_string(iso->info.last_update));
}

static const struct p15_dialect dialect = {
    .chunk = APDU_LE_MAX,
    .select_file = iso15_select_file,
    .judge = judge,
    .mark = mark,
};

static void adapt_pin(const struct iso15 *iso, struct card_pin_info *pin)
{
    pin->tries_max = iso->card->tries_max;
    if ((iso->card->quirks & QUIRK_LOCAL_PIN) == 0)
        return;
    pin->ref |= 0x80;
    pin->needs_padding = pin->stored_len > 0;
}

static int iso15_list(struct token *t, unsigned what)
{
    const struct iso15 *iso = t->priv;
    bool fresh = (what & ~t->listed & TOKEN_PINS) != 0;
    int rc;

    if ((rc = p15_token_list(t, what)) < 0)
        return rc;
    for (size_t i = 0; fresh && i < t->pin_count; i++)
        adapt_pin(iso, &t->pins[i]);
    return 0;
}

/* ---- PIN ----------------------------------------------------------------- */

static int need_pin(struct token *t, const struct card_pin_info *pin)
{
    return iso15_go_to(t, &pin->path);
}

static int iso15_pin_status(struct token *t, struct card_pin_info *pin)
{
    int rc;

    if ((rc = need_pin(t, pin)) < 0)
        return rc;
    rc = iso_verify_query(t->reader, pin->ref, &pin->verified,
                          &pin->tries_left);
    /* Only of now: a number, once it is told again, goes before the mark. */
    pin->silent = rc == CARD_E_UNSUPPORTED;
    if (pin->silent)
        return 0;
    /* The right PIN, which was the last, gave back what was lost before. */
    if (rc == 0 && pin->verified)
        pin->tries_left = CARD_TRIES_FULL;
    return rc;
}

static int iso15_verify(struct token *t, struct card_pin_info *pin,
                        struct bytes value)
{
    int rc = need_pin(t, pin);

    return rc < 0 ? rc : iso_present_pin(t->reader, pin, value);
}

const struct driver driver_iso15 = {
    .name = "iso15",
    .likely = iso15_likely,
    .probe = iso15_probe,
    .select = iso15_select,
    .list = iso15_list,
    .read_cert = p15_token_read_cert,
    .read_public = p15_token_read_public,
    .pin_status = iso15_pin_status,
    .verify = iso15_verify,
    .sign = iso15_sign,
    .decrypt = iso15_decrypt,
    .derive = iso15_derive,
    .close = iso15_close,
};
