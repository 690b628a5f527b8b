/*
 * IAS ECC 1.0.1 cards: the French health professional's card CPS3, contact
 * and contactless, and those of other makers (ias_cards.c). Implements the
 * European card for e-Services and National e-ID applications' technical
 * specification 1.0.1 as far as these cards show it, ISO 7816-4/-8 for commands
 * and ISO 7816-15 for the directories.
 */
#include "card/driver/ias.h"

#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "card/wire/apdu.h"
#include "card/wire/iso7816.h"
#include "card/wire/tlv.h"

enum {
    SELECT_MF = 0x00,
    SELECT_CHILD = 0x01, /* P1: a DF under the current one; Oberthur's EFs */
    BY_SFI = 0x80,       /* P1 of READ BINARY */
    SFI_SN = 0x1C,
    MAX_APPS = 8
};

static const uint8_t path_mf[] = {0x3F, 0x00};
static const uint8_t path_sn[] = {0x3F, 0x00, 0xD0, 0x03};
static const uint8_t path_update[] = {0x3F, 0x00, 0xD0, 0x10};
static const uint8_t path_dir[] = {0x3F, 0x00, 0x2F, 0x00};
static const uint8_t path_atr[] = {0x3F, 0x00, 0x2F, 0x01};
static const uint8_t rid_iso15[] = {0xE8, 0x28, 0xBD, 0x08, 0x0F};

static bool has(const struct ias *ias, enum ias_quirk quirk)
{
    return (ias->card->quirks & (unsigned)quirk) != 0;
}

static struct bytes path_view(const struct card_path *path)
{
    return bytes_from(path->data, path->len);
}

/* ---- where the card is --------------------------------------------------- */

/* Makers differ in what P2 a SELECT by name bears. */
static int select_aid(struct token *t, const struct card_path *aid)
{
    static const uint8_t p2[] = {SELECT_FCP, SELECT_NO_ANSWER, 0x00};
    struct ias *ias = t->priv;
    int rc = CARD_E_STATUS;

    t->selected = ias->at_mf = false;
    if (has(ias, IAS_CPS))
        return iso_select(t->reader, SELECT_NAME, SELECT_NO_ANSWER,
                          path_view(aid), NULL);
    for (size_t i = 0; i < nitems(p2) && rc == CARD_E_STATUS; i++)
        rc = iso_select(t->reader, SELECT_NAME, p2[i], path_view(aid), NULL);
    return rc;
}

/* Another application has the card, which knows none of our commands. */
static int leave_other(struct token *t)
{
    struct ias *ias = t->priv;
    int rc;

    if (ias->root.len == 0)
        return CARD_E_STATUS;
    rc = select_aid(t, &ias->root);
    ias->at_mf = rc == 0;
    return rc;
}

int ias_enter_mf(struct token *t)
{
    struct ias *ias = t->priv;
    int rc;

    t->selected = false;
    rc = iso_select(t->reader, has(ias, IAS_CPS) ? SELECT_PATH : SELECT_MF,
                    has(ias, IAS_MF_WITH_FCP) ? SELECT_FCP : SELECT_NO_ANSWER,
                    BYTES_OF(path_mf), NULL);
    ias->at_mf = rc == 0;
    if (apdu_refused(rc) && leave_other(t) == 0)
        return 0;
    return rc;
}

/* An EF below the current DF. */
static int select_ef(struct token *t, struct bytes path)
{
    struct ias *ias = t->priv;
    uint8_t p1 = path.len != 2                ? SELECT_PATH
                 : has(ias, IAS_EF_BY_P1_01) ? SELECT_CHILD
                                              : SELECT_FID;

    return iso_select(t->reader, p1,
                      has(ias, IAS_NO_FCP) ? SELECT_NO_ANSWER : SELECT_FCP,
                      path, NULL);
}

/* `path` starts with 3F00. The DF of what is found is the current one then. */
static int select_from_mf(struct token *t, struct bytes path)
{
    struct ias *ias = t->priv;
    struct bytes mf, below = path;
    int rc;

    bytes_take(&below, sizeof(path_mf), &mf);
    t->selected = false;
    if (!has(ias, IAS_CPS)) {
        if ((rc = ias_enter_mf(t)) == 0)
            rc = select_ef(t, below);
    } else {
        rc = select_ef(t, path);
        if ((rc == CARD_E_STATUS || rc == CARD_E_UNSUPPORTED) &&
            leave_other(t) == 0)
            rc = select_ef(t, path);
    }
    if (rc == 0)
        ias->at_mf = below.len == 2;
    return rc;
}

/* ---- the application ----------------------------------------------------- */

static int read_from_mf(struct token *t, struct bytes path, struct buf *file)
{
    int rc = select_from_mf(t, path);

    file->len = 0;
    return rc < 0 ? rc : iso_read_file(t->reader, IAS_CHUNK, file);
}

/* EF.ATR: 4F, behind a category byte and perhaps a 00. */
static void find_root(struct ias *ias, struct bytes file)
{
    struct bytes category;
    struct tlv tlv;

    while (file.len > 0 && (file.data[0] == 0x80 || file.data[0] == 0x00))
        bytes_take(&file, 1, &category);
    if (!tlv_find(file, 0x4F, &tlv) || tlv.value.len == 0 ||
        tlv.value.len > sizeof(ias->root.data))
        return;
    memcpy(ias->root.data, tlv.value.data, tlv.value.len);
    ias->root.len = tlv.value.len;
}

static const struct ias_app *known_app(const struct card_path *aid)
{
    const struct ias_app *app;
    struct card_path known;

    for (app = ias_apps; app->aid != NULL; app++)
        if (ias_aid(app->aid, &known) == 0 &&
            bytes_equal(path_view(&known), path_view(aid)))
            break;
    return app;
}

static int try_app(struct token *t, const struct card_path *aid)
{
    struct ias *ias = t->priv;
    int rc = select_aid(t, aid);

    if (rc < 0)
        return rc;
    ias->aid = *aid;
    ias->pin_len = known_app(aid)->pin_len;
    t->selected = true;
    return 0;
}

static int try_listed(struct token *t, struct bytes file)
{
    struct p15_app apps[MAX_APPS];
    size_t count = 0;
    int rc = CARD_E_NOT_FOUND;

    p15_parse_dir(file, apps, nitems(apps), &count);
    for (size_t i = 0; i < count && apdu_refused(rc); i++)
        if (bytes_start_with(path_view(&apps[i].aid), BYTES_OF(rid_iso15)) ||
            known_app(&apps[i].aid)->aid != NULL)
            rc = try_app(t, &apps[i].aid);
    return rc;
}

static int try_known(struct token *t)
{
    struct card_path aid;
    int rc = CARD_E_NOT_FOUND;

    for (const struct ias_app *app = ias_apps;
         app->aid != NULL && apdu_refused(rc); app++)
        if ((rc = ias_aid(app->aid, &aid)) == 0)
            rc = try_app(t, &aid);
    return rc;
}

/*
 * EF.ATR names the root application, where the row does not; EF.DIR the
 * applications in it. Either may be missing.
 */
static int find_application(struct token *t)
{
    struct ias *ias = t->priv;
    uint8_t space[1024];
    struct buf file = BUF_ON(space);
    int rc;

    if (ias->root.len == 0) {
        rc = read_from_mf(t, BYTES_OF(path_atr), &file);
        if (rc == 0)
            find_root(ias, buf_view(&file));
        else if (!apdu_refused(rc))
            return rc;
    }
    rc = read_from_mf(t, BYTES_OF(path_dir), &file);
    if (rc == 0)
        rc = try_listed(t, buf_view(&file));
    if (apdu_refused(rc))
        rc = try_known(t);
    if (apdu_refused(rc))
        return card_fail(CARD_E_NOT_FOUND, "no ISO 7816-15 application is "
                         "known on this card");
    return rc;
}

static int ias_select(struct token *t)
{
    struct ias *ias = t->priv;
    int rc;

    t->selected = false;
    if (ias->aid.len == 0)
        return find_application(t);
    rc = select_aid(t, &ias->aid);
    if (apdu_refused(rc) && leave_other(t) == 0)
        rc = select_aid(t, &ias->aid);
    t->selected = rc == 0;
    return rc;
}

int ias_need_application(struct token *t)
{
    return t->selected ? 0 : ias_select(t);
}

/* ---- files --------------------------------------------------------------- */

static int select_file(struct token *t, struct bytes path)
{
    int rc;

    if (bytes_start_with(path, BYTES_OF(path_mf)) && path.len > 2)
        return select_from_mf(t, path);
    rc = ias_need_application(t);
    return rc < 0 ? rc : select_ef(t, path);
}

/*
 * A CPS3 dates its updates in a file of the MF, which one that never was
 * updated has not.
 */
static int read_update(struct token *t)
{
    struct ias *ias = t->priv;
    struct buf update = BUF_ON(ias->update);
    int rc = select_from_mf(t, BYTES_OF(path_update));

    if (rc == 0)
        rc = iso_read_binary(t->reader, 0, sizeof(ias->update), IAS_CHUNK,
                             &update);
    if (rc < 0 && rc != CARD_E_LOGIN && !apdu_refused(rc))
        return rc;
    ias->update_closed = rc < 0 && rc != CARD_E_NOT_FOUND;
    ias->update_len = update.len;
    ias->update_known = true;
    return 0;
}

static int ias_mark(struct token *t, struct buf *mark)
{
    struct ias *ias = t->priv;
    int rc;

    if (!has(ias, IAS_CPS))
        return p15_token_last_update(t, mark);
    if (!ias->update_known && (rc = read_update(t)) < 0)
        return rc;
    return ias->update_closed
               ? CARD_E_NOT_FOUND
               : buf_put(mark, bytes_from(ias->update, ias->update_len));
}

static const struct p15_dialect dialect = {
    .chunk = IAS_CHUNK,
    .select_file = select_file,
    .judge = ias_judge_key,
    .mark = ias_mark,
};

static int ias_list(struct token *t, unsigned what)
{
    const struct ias *ias = t->priv;
    int rc = p15_token_list(t, what);

    if (ias->pin_len == 0)
        return rc;
    for (size_t i = 0; i < t->pin_count; i++) {
        t->pins[i].stored_len = ias->pin_len;
        t->pins[i].needs_padding = true;
        t->pins[i].pad_char = 0x00;
    }
    return rc;
}

/* ---- recognition --------------------------------------------------------- */

/* One APDU where the MF is current; CARD_E_NOT_FOUND: it is not. */
static int read_sn_by_sfi(struct token *t, size_t len, struct buf *sn)
{
    const struct apdu cmd = {.ins = INS_READ_BINARY, .p1 = BY_SFI | SFI_SN,
                             .le = len};
    uint16_t sw;
    int rc = apdu_exchange(t->reader, &cmd, sn, &sw);

    if (rc < 0)
        return rc;
    return sw == SW_OK || sw == SW_END_OF_FILE ? 0 : CARD_E_NOT_FOUND;
}

/*
 * By SFI, or at twice the price by the path. Power on makes the MF the current
 * DF; of a card that is cached the date of its update will be wanted, and where
 * there is one, asking for it leaves the MF current too. Of a card that others
 * use meanwhile nothing is known.
 */
static int read_serial(struct token *t)
{
    struct ias *ias = t->priv;
    unsigned quirks = ias->card->quirks;
    size_t len = has(ias, IAS_CPS) ? IAS_CPS_SERIAL : IAS_CHUNK;
    uint8_t space[APDU_LE_MAX];
    struct buf sn = BUF_ON(space);
    int rc = 0;

    t->selected = false;
    ias->at_mf = true;
    if (t->seen && has(ias, IAS_CPS)) {
        ias->at_mf = false;
        if ((rc = read_update(t)) < 0)
            return rc;
    }
    if (ias->at_mf)
        rc = read_sn_by_sfi(t, len, &sn);
    if (rc < 0 && rc != CARD_E_NOT_FOUND)
        return rc;
    ias->at_mf = ias->at_mf && rc == 0 &&
                 ias_format_serial(buf_view(&sn), quirks, t->serial) == 0;
    if (ias->at_mf)
        return 0;
    sn.len = 0;
    if ((rc = select_from_mf(t, BYTES_OF(path_sn))) < 0 ||
        (rc = iso_read_binary(t->reader, 0, len, IAS_CHUNK, &sn)) < 0)
        return rc;
    return ias_format_serial(buf_view(&sn), quirks, t->serial);
}

static int make_priv(struct token *t, const struct ias_card *card)
{
    struct ias *ias = calloc(1, sizeof(*ias));

    if (ias == NULL)
        return card_fail(CARD_E_MEMORY, "out of memory");
    ias->p15.dialect = &dialect;
    ias->card = card;
    if (card->root != NULL)
        ias_aid(card->root, &ias->root);
    if (card->aid != NULL)
        ias_aid(card->aid, &ias->aid);
    t->priv = ias;
    return 0;
}

static bool likely(const struct reader *r)
{
    return ias_card_of(r) != NULL;
}

/*
 * A CPS3 is one by its ATR; other makers' may be on cards with another applet,
 * which have no EF.SN.
 */
static int ias_probe(struct token *t)
{
    const struct ias_card *card = ias_card_of(t->reader);
    int rc;

    if (card == NULL)
        return CARD_E_NOT_MINE;
    if (t->priv == NULL && (rc = make_priv(t, card)) < 0)
        return rc;
    rc = read_serial(t);
    if ((card->quirks & IAS_CPS) == 0 &&
        (apdu_refused(rc) || rc == CARD_E_PROTOCOL))
        return CARD_E_NOT_MINE;
    if (rc < 0)
        return rc;
    t->reader->chaining = true;
    snprintf(t->model, sizeof(t->model), "IAS ECC");
    snprintf(t->title, sizeof(t->title), "%s %s", card->name, t->serial);
    return 0;
}

static void ias_close(struct token *t)
{
    free(t->priv);
    t->priv = NULL;
}

const struct driver driver_ias = {
    .name = "ias",
    .likely = likely,
    .probe = ias_probe,
    .select = ias_select,
    .list = ias_list,
    .read_cert = p15_token_read_cert,
    .pin_status = ias_pin_status,
    .verify = ias_verify,
    .sign = ias_sign,
    .decrypt = ias_decrypt,
    .close = ias_close,
};
