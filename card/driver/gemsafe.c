/*
 * Gemalto's GemSafe cards, and the C@rteurope token among them: the applets V1
 * and V3 with an object file, GemP15 and IAS Classic V4 and V5 with ISO 7816-15
 * directories. Implements what OpenSC and traces of the maker's middleware show
 * of them (no specification is public), ISO 7816-4/-8 for the rest.
 */
#include "card/driver/gemsafe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "card/wire/apdu.h"
#include "card/wire/iso7816.h"

static const uint8_t aid_v1[] = {0xA0, 0x00, 0x00, 0x00, 0x18, 0x0A,
                                 0x00, 0x00, 0x01, 0x63, 0x42, 0x00};
static const uint8_t aid_v3[] = {0xA0, 0x00, 0x00, 0x00, 0x18, 0x0C,
                                 0x00, 0x00, 0x01, 0x63, 0x42, 0x00};
static const uint8_t aid_classic[] = {0xA0, 0x00, 0x00, 0x00, 0x18, 0x40,
                                      0x00, 0x00, 0x01, 0x63, 0x42, 0x00};
static const uint8_t path_object[] = {0x16, 0x00, 0x00, 0x04};
static const uint8_t path_mf[] = {0x3F, 0x00};
static const uint8_t path_p15[] = {0x50, 0x00};
static const uint8_t fid_first[] = {0x50, 0x31};
static const uint8_t fid_second[] = {0x50, 0x32};

#define VIEW(array) {(array), sizeof(array)}

/*
 * In the order an unknown card is asked. EF.DIR, which names only the path that
 * is tried anyway, is not read.
 */
enum { V3, V1, CLASSIC, P15, V1_UNNAMED };
static const struct gemsafe_family families[] = {
    [V3] = {"GemSafe V3", VIEW(aid_v3), VIEW(path_object), false, false, 0x02},
    [V1] = {"GemSafe V1", VIEW(aid_v1), VIEW(path_object), false, true, 0x12},
    [CLASSIC] = {"IAS Classic", VIEW(aid_classic), VIEW(path_p15), true, false,
                 0x02},
    [P15] = {"GemP15", {NULL, 0}, VIEW(path_p15), true, false, 0x02},
    [V1_UNNAMED] = {"GemSafe V1", {NULL, 0}, VIEW(path_object), false, true,
                    0x12},
};

static struct gemsafe *gemsafe_of(struct token *t)
{
    return t->priv;
}

/* ---- recognition --------------------------------------------------------- */

static bool atr_has(const struct reader *r, struct bytes part)
{
    return bytes_contain(bytes_from(r->atr, r->atr_len), part);
}

/* Gemplus's pre-issuing data (ISO 7816-4, compact tag 6): all cards have it. */
static bool atr_is_gemplus(const struct reader *r)
{
    static const uint8_t chip[] = {0x65, 0xB0}, elder[] = {0x65, 0xA2};

    return atr_has(r, BYTES_OF(chip)) || atr_has(r, BYTES_OF(elder));
}

/* Which family to ask first: saves the refusals of the others. */
static size_t family_by_atr(const struct reader *r)
{
    static const struct {
        uint8_t part[4];
        size_t family;
    } known[] = {
        {{0x65, 0xB0, 0x83, 0x01}, V1},
        {{0x80, 0x65, 0xA2, 0x01}, V1},
        {{0x83, 0x11, 0x48, 0xC8}, V1},
        {{0x83, 0x11, 0xD0, 0xA9}, P15},
        {{0x85, 0x03, 0x00, 0xEF}, CLASSIC},
    };

    for (size_t i = 0; i < nitems(known); i++)
        if (atr_has(r, BYTES_OF(known[i].part)))
            return known[i].family;
    return V3;
}

static bool all_same(struct bytes in, uint8_t value)
{
    uint8_t b;

    while (bytes_take_u8(&in, &b))
        if (b != value)
            return false;
    return true;
}

/*
 * The chip's own number, where the card tells it: date of fabrication, serial
 * number and batch in the CPLC (GlobalPlatform, tag 9F7F).
 */
static int read_chip_number(struct token *t)
{
    enum { CPLC_LEN = 45, NUMBER = 13, NUMBER_LEN = 8, DATE_LEN = 2 };
    static const uint8_t header[] = {0x9F, 0x7F, 0x2A};
    const struct gemsafe *g = gemsafe_of(t);
    struct apdu cmd = {.cla = g->family->old_class ? GEMSAFE_CLA_OLD : 0,
                       .ins = INS_GET_DATA, .p1 = 0x9F, .p2 = 0x7F,
                       .le = CPLC_LEN};
    uint8_t space[APDU_LE_MAX];
    struct buf cplc = BUF_ON(space);
    struct bytes number;
    uint16_t sw;
    int rc;

    if ((rc = apdu_exchange(t->reader, &cmd, &cplc, &sw)) < 0)
        return rc;
    number = bytes_from(space + NUMBER + DATE_LEN, NUMBER_LEN - DATE_LEN);
    if (sw != SW_OK || cplc.len != CPLC_LEN ||
        !bytes_start_with(buf_view(&cplc), BYTES_OF(header)) ||
        all_same(number, 0x00) || all_same(number, 0xFF))
        return CARD_E_NOT_FOUND;
    bytes_to_hex(bytes_from(space + NUMBER, NUMBER_LEN), t->serial,
                 sizeof(t->serial));
    return 0;
}

/*
 * Without a number the card is known by what is first on it: key table and
 * first certificate. Without an application the file must look like one.
 */
static int enter_object(struct token *t)
{
    struct gemsafe *g = gemsafe_of(t);
    uint8_t hash[GEMSAFE_FINGERPRINT];
    int rc = 0;

    if (g->family->aid.len == 0 && (rc = gemsafe_object_head(t)) == 0 &&
        !gemsafe_object_has_table(g))
        rc = CARD_E_NOT_FOUND;
    if (rc < 0 || (rc = read_chip_number(t)) != CARD_E_NOT_FOUND ||
        (rc = gemsafe_object_head(t)) < 0)
        return rc;
    gemsafe_object_fingerprint(g, hash);
    bytes_to_hex(bytes_from(hash, 8), t->serial, sizeof(t->serial));
    return 0;
}

static void take_info(struct token *t, const struct p15_token_info *info)
{
    struct gemsafe *g = gemsafe_of(t);

    g->p15.info = *info;
    memcpy(t->serial, info->serial, sizeof(t->serial));
    memcpy(t->label, info->label, sizeof(t->label));
    memcpy(t->manufacturer, info->manufacturer, sizeof(t->manufacturer));
    t->listed |= TOKEN_INFO;
}

/*
 * TokenInfo, and which file it is in: on GemP15 5031 and 5032 have changed
 * places. It is a SEQUENCE; ODF has tags of context class.
 */
static int enter_p15(struct token *t)
{
    struct gemsafe *g = gemsafe_of(t);
    struct p15_token_info info;
    struct buf file;
    int rc = p15_read_file(t, BYTES_OF(fid_first), p15_whole, &file);

    g->p15.swapped = rc == 0 && file.len > 0 && file.data[0] == 0x30;
    if (rc == 0 && file.len > 0 && !g->p15.swapped) {
        buf_free(&file);
        rc = p15_read_file(t, BYTES_OF(fid_second), p15_whole, &file);
    }
    if (rc == 0)
        rc = p15_parse_token_info(buf_view(&file), &info);
    buf_free(&file);
    if (rc < 0)
        return rc == CARD_E_PROTOCOL ? CARD_E_NOT_FOUND : rc;
    take_info(t, &info);
    if (t->serial[0] != '\0')
        return 0;
    rc = read_chip_number(t);
    return rc == CARD_E_NOT_FOUND ? 0 : rc;
}

static int enter(struct token *t, const struct gemsafe_family *family)
{
    struct gemsafe *g = gemsafe_of(t);
    int rc = 0;

    g->family = family;
    g->object.len = 0;
    t->selected = false;
    if (family->aid.len > 0)
        rc = iso_select(t->reader, SELECT_NAME, 0, family->aid, NULL);
    if (rc == 0)
        rc = family->iso15 ? enter_p15(t) : enter_object(t);
    return rc;
}

static int find_family(struct token *t)
{
    size_t first = family_by_atr(t->reader);
    int rc = enter(t, &families[first]);

    for (size_t i = 0; apdu_refused(rc) && i < nitems(families); i++)
        if (i != first)
            rc = enter(t, &families[i]);
    return apdu_refused(rc) ? CARD_E_NOT_MINE : rc;
}

static const struct p15_dialect dialect;

static int gemsafe_probe(struct token *t)
{
    struct gemsafe *g;
    int rc;

    if (!atr_is_gemplus(t->reader))
        return CARD_E_NOT_MINE;
    if ((g = calloc(1, sizeof(*g))) == NULL)
        return card_fail(CARD_E_MEMORY, "out of memory");
    g->p15.dialect = &dialect;
    t->priv = g;
    if ((rc = find_family(t)) < 0)
        return rc;
    t->reader->chaining = g->family->iso15;
    snprintf(t->model, sizeof(t->model), "%s", g->family->model);
    snprintf(t->title, sizeof(t->title), "%.60s %s",
             t->label[0] != '\0' ? t->label : t->model, t->serial);
    return 0;
}

static void gemsafe_close(struct token *t)
{
    struct gemsafe *g = gemsafe_of(t);

    if (g != NULL)
        buf_free(&g->object);
    free(g);
    t->priv = NULL;
}

/* ---- files --------------------------------------------------------------- */

/* SELECT by path knows no 3F00 here, and P1 = 09 is refused. */
static int select_path(struct token *t, struct bytes path)
{
    return iso_select(t->reader, SELECT_PATH_MF, SELECT_NO_ANSWER, path, NULL);
}

int gemsafe_select(struct token *t)
{
    const struct gemsafe_family *f = gemsafe_of(t)->family;
    int rc = 0;

    t->selected = false;
    if (f->aid.len > 0)
        rc = iso_select(t->reader, SELECT_NAME, 0, f->aid, NULL);
    if (rc == 0)
        rc = select_path(t, f->path);
    t->selected = rc == 0;
    return rc;
}

/* From the MF always: that works whatever file is current. */
static int select_file(struct token *t, struct bytes path)
{
    uint8_t space[2 * CARD_PATH_MAX];
    struct buf whole = BUF_ON(space);
    struct bytes mf;
    int rc;

    if (bytes_start_with(path, BYTES_OF(path_mf)))
        bytes_take(&path, sizeof(path_mf), &mf);
    if ((path.len <= 2 && (rc = buf_put(&whole, BYTES_OF(path_p15))) < 0) ||
        (rc = buf_put(&whole, path)) < 0)
        return rc;
    rc = select_path(t, buf_view(&whole));
    t->selected = rc == 0 && bytes_start_with(buf_view(&whole),
                                              BYTES_OF(path_p15));
    return rc;
}

/* Any DigestInfo can be signed; deciphering is as the directory says. */
static void judge_key(struct token *t, struct card_key_info *k)
{
    (void)t;
    if (k->type != CARD_KEY_RSA)
        return;
    if ((k->usage & P15_USAGE_NON_REPUDIATION) != 0)
        k->uses |= CARD_USE_SIGN;
    if ((k->usage & (P15_USAGE_SIGN | P15_USAGE_SIGN_RECOVER)) != 0)
        k->uses |= CARD_USE_AUTH;
    if (k->uses != 0)
        k->can |= CARD_CAN_PKCS1;
    if ((k->usage & (P15_USAGE_DECRYPT | P15_USAGE_UNWRAP)) != 0) {
        k->uses |= CARD_USE_DECRYPT;
        k->can |= CARD_CAN_DECRYPT_PKCS1;
    }
}

static int last_update(struct token *t, struct buf *mark)
{
    struct bytes time = bytes_of_string(gemsafe_of(t)->p15.info.last_update);

    return time.len > 0 ? buf_put(mark, time) : CARD_E_NOT_FOUND;
}

static const struct p15_dialect dialect = {
    .chunk = GEMSAFE_CHUNK,
    .select_file = select_file,
    .judge = judge_key,
    .mark = last_update,
};

/* ---- PIN ----------------------------------------------------------------- */

/* Of V1 and V3, which do not describe it themselves. */
static void fill_pin(struct token *t)
{
    static const uint8_t ascii[] = {0x83, 0x11, 0x48, 0xC8, 0x83};
    struct card_pin_info *pin = &t->pins[0];
    bool is_ascii = atr_has(t->reader, BYTES_OF(ascii));

    memset(pin, 0, sizeof(*pin));
    snprintf(pin->label, sizeof(pin->label), "PIN");
    pin->auth_id.data[0] = 0x01;
    pin->auth_id.len = 1;
    pin->ref = 0x01;
    pin->type = is_ascii ? CARD_PIN_ASCII_NUMERIC : CARD_PIN_BCD;
    pin->min_len = is_ascii ? 4 : 6;
    pin->max_len = is_ascii ? 8 : 16;
    pin->pad_char = is_ascii ? 0x00 : 0xFF;
    pin->stored_len = 8;
    pin->needs_padding = true;
    pin->local = true;
    pin->tries_left = CARD_TRIES_UNKNOWN;
    pin->tries_max = 3;
    t->pin_count = 1;
}

static int gemsafe_list(struct token *t, unsigned what)
{
    unsigned both = TOKEN_KEYS | TOKEN_CERTS, missing = what & ~t->listed;
    bool iso15 = gemsafe_of(t)->family->iso15;
    int rc = 0;

    if (iso15)
        rc = p15_token_list(t, what);
    else if ((missing & both) != 0)
        rc = gemsafe_object_list(t);
    if (rc < 0)
        return rc;
    if (!iso15 && (missing & TOKEN_PINS) != 0)
        fill_pin(t);
    if (!iso15)
        t->listed |= what | ((missing & both) != 0 ? both : 0U);
    for (size_t i = 0; (missing & TOKEN_PINS) != 0 && i < t->pin_count; i++)
        t->pins[i].silent = true;
    return 0;
}

static int gemsafe_read_cert(struct token *t,
                             const struct card_cert_info *cert,
                             struct buf *der)
{
    return gemsafe_of(t)->family->iso15 ? p15_token_read_cert(t, cert, der)
                                        : gemsafe_object_cert(t, cert, der);
}

static int gemsafe_read_public(struct token *t,
                               const struct card_key_info *key,
                               struct buf *spki)
{
    if (gemsafe_of(t)->family->iso15)
        return p15_token_read_public(t, key, spki);
    return card_fail(CARD_E_NOT_FOUND, "the card does not tell the public half "
                     "of key \"%s\"", key->label);
}

/*
 * Whether an empty VERIFY asks for the state or costs a try is not known: none
 * is sent. A wrong PIN's answer tells, until the next one; but who was locked
 * may have been unlocked meanwhile.
 */
static int gemsafe_pin_status(struct token *t, struct card_pin_info *pin)
{
    (void)t;
    pin->verified = false;
    if (pin->tries_left == 0)
        pin->tries_left = CARD_TRIES_UNKNOWN;
    return 0;
}

static int gemsafe_verify(struct token *t, struct card_pin_info *pin,
                          struct bytes value)
{
    int rc = t->selected ? 0 : gemsafe_select(t);

    return rc < 0 ? rc : iso_present_pin(t->reader, pin, value);
}

const struct driver driver_gemsafe = {
    .name = "gemsafe",
    .likely = atr_is_gemplus,
    .probe = gemsafe_probe,
    .select = gemsafe_select,
    .list = gemsafe_list,
    .read_cert = gemsafe_read_cert,
    .pin_status = gemsafe_pin_status,
    .verify = gemsafe_verify,
    .sign = gemsafe_sign,
    .decrypt = gemsafe_decrypt,
    .close = gemsafe_close,
    .read_public = gemsafe_read_public,
};
