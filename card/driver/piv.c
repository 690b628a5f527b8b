/*
 * PIV cards: NIST SP 800-73-4 and -5, SP 800-78 for algorithms; with Yubico's
 * metadata where the card has them.
 */
#include "card/driver/piv.h"

#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "card/wire/iso7816.h"
#include "card/wire/tlv.h"

enum {
    POLICY_GLOBAL = 0x20,     /* the global PIN serves too */
    PRIMARY_GLOBAL = 0x20,    /* and is the one the holder knows */
    GUID_LEN = 16
};

const uint8_t piv_aid[9] = {0xA0, 0x00, 0x00, 0x03, 0x08,
                            0x00, 0x00, 0x10, 0x00};
static const uint8_t discovery_tag[] = {0x7E};

/* ---- recognition --------------------------------------------------------- */

/* Historical bytes of YubiKeys 4 and 5, in contact or not. */
static bool piv_likely(const struct reader *r)
{
    return bytes_contain(bytes_from(r->atr, r->atr_len),
                         bytes_of_string("YubiKey"));
}

/*
 * The GUID of the CHUID; FASC-N where there is none. The signature behind them
 * is not waited for. A card that was never personalised has no number.
 */
static int read_serial(struct token *t)
{
    uint8_t space[APDU_LE_MAX];
    struct buf chuid = BUF_ON(space);
    struct bytes content;
    struct tlv number;
    int rc = piv_get_object(t, OBJECT_CHUID, true, &chuid);

    if (rc < 0)
        return rc;
    if (!piv_open_object(buf_view(&chuid), &content))
        return card_fail(CARD_E_PROTOCOL, "the CHUID is malformed");
    if ((tlv_find(content, 0x34, &number) && number.value.len == GUID_LEN &&
         !bytes_all_zero(number.value)) ||
        tlv_find(content, 0x30, &number))
        bytes_to_hex(number.value, t->serial, sizeof(t->serial));
    return 0;
}

/* The number printed on a YubiKey, for one that has no CHUID yet. */
static int read_yubico_serial(struct token *t)
{
    const struct apdu cmd = {.ins = INS_GET_SERIAL, .le = APDU_LE_MAX};
    uint8_t space[APDU_LE_MAX];
    struct buf answer = BUF_ON(space);
    uint32_t number;
    uint16_t sw;
    int rc;

    if (!piv_likely(t->reader))
        return 0;
    if ((rc = apdu_exchange(t->reader, &cmd, &answer, &sw)) < 0)
        return rc;
    if (sw == SW_OK && answer.len == 4 &&
        tlv_unsigned(buf_view(&answer), &number))
        snprintf(t->serial, sizeof(t->serial), "%u", (unsigned)number);
    return 0;
}

/* The application label of the template that SELECT gives, if it has one. */
static void take_label(struct token *t, struct bytes apt)
{
    static const uint32_t path[] = {0x61, 0x50, 0};
    struct tlv label;
    size_t len = 0;
    uint8_t c;

    if (!tlv_find_path(apt, path, &label))
        return;
    while (len + 1 < sizeof(t->label) && bytes_take_u8(&label.value, &c))
        t->label[len++] = c >= ' ' && c <= '~' ? (char)c : '?';
    t->label[len] = '\0';
}

/* An application that takes any name for its own gives no such template. */
static bool is_template(struct bytes answer)
{
    static const uint32_t path[] = {0x61, 0x4F, 0};
    struct tlv name;

    return tlv_find_path(answer, path, &name);
}

static int find_application(struct token *t)
{
    const struct apdu cmd = {.ins = INS_SELECT, .p1 = SELECT_NAME,
                             .data = BYTES_OF(piv_aid), .le = APDU_LE_MAX};
    uint8_t space[APDU_LE_MAX + 2];
    struct buf apt = BUF_ON(space);
    bool known;
    uint16_t sw;
    int rc = apdu_exchange(t->reader, &cmd, &apt, &sw);

    if (rc < 0)
        return rc;
    if (sw != SW_OK)
        return CARD_E_NOT_MINE;
    t->selected = true;
    known = is_template(buf_view(&apt));
    take_label(t, buf_view(&apt));
    rc = read_serial(t);
    if (piv_refused(rc) || rc == CARD_E_PROTOCOL)
        return known ? read_yubico_serial(t) : CARD_E_NOT_MINE;
    return rc;
}

static int piv_probe(struct token *t)
{
    struct piv *piv = t->priv;
    int rc = find_application(t);

    if (rc < 0)
        return rc;
    if (piv == NULL && (t->priv = piv = calloc(1, sizeof(*piv))) == NULL)
        return card_fail(CARD_E_MEMORY, "out of memory");
    piv->yubico = piv_likely(t->reader);
    t->reader->chaining = true; /* part 2, 3.1.2: all have it */
    snprintf(t->model, sizeof(t->model), "PIV");
    snprintf(t->title, sizeof(t->title), "PIV card %s",
             t->serial[0] != '\0' ? t->serial : "without a number");
    return 0;
}

static void piv_close(struct token *t)
{
    free(t->priv);
    t->priv = NULL;
}

/* ---- what there may be --------------------------------------------------- */

static const struct slot {
    uint8_t ref, object;
    unsigned uses;
    uint32_t usage;
    const char *label;
} slots[] = {
    {PIV_AUTHENTICATION, OBJECT_AUTHENTICATION, CARD_USE_AUTH, P15_USAGE_SIGN,
     "PIV Authentication"},
    {PIV_SIGNATURE, OBJECT_SIGNATURE, CARD_USE_SIGN,
     P15_USAGE_SIGN | P15_USAGE_NON_REPUDIATION, "Digital Signature"},
    {PIV_KEY_MANAGEMENT, OBJECT_KEY_MANAGEMENT, CARD_USE_DECRYPT,
     P15_USAGE_DECRYPT | P15_USAGE_UNWRAP | P15_USAGE_DERIVE,
     "Key Management"},
    {PIV_CARD_AUTHENTICATION, OBJECT_CARD_AUTHENTICATION, CARD_USE_AUTH,
     P15_USAGE_SIGN, "Card Authentication"},
};

/*
 * What a key can do depends on its type, which its certificate tells; the card
 * exponentiates whatever it is given.
 */
static void add_slot(struct token *t, const struct slot *s)
{
    struct card_key_info *key = &t->keys[t->key_count];
    struct card_cert_info *cert = &t->certs[t->cert_count++];

    *key = (struct card_key_info){
        .id = {{(uint8_t)++t->key_count}, 1}, /* as OpenSC and Yubico count */
        .ref = s->ref,
        .uses = s->uses,
        .usage = s->usage,
        .can = CARD_CAN_RAW_SIGN | CARD_CAN_DECRYPT_RAW | CARD_CAN_ECDSA |
               CARD_CAN_EDDSA | CARD_CAN_DERIVE,
        .user_consent = s->ref == PIV_SIGNATURE,
    };
    if (s->ref != PIV_CARD_AUTHENTICATION)
        key->auth_id = (struct card_id){{PIV_PIN}, 1};
    snprintf(key->label, sizeof(key->label), "%s", s->label);
    *cert = (struct card_cert_info){
        .id = key->id,
        .path = {{0x5F, 0xC1, s->object}, 3},
    };
    memcpy(cert->label, key->label, sizeof(cert->label));
}

static void list_keys_and_certs(struct token *t)
{
    t->key_count = t->cert_count = 0;
    for (size_t i = 0; i < nitems(slots); i++)
        add_slot(t, &slots[i]);
    for (unsigned i = 0; i < PIV_RETIRED_COUNT; i++) {
        char label[CARD_LABEL_MAX];
        const struct slot retired = {
            (uint8_t)(PIV_RETIRED + i), (uint8_t)(OBJECT_RETIRED + i),
            CARD_USE_DECRYPT,
            P15_USAGE_DECRYPT | P15_USAGE_UNWRAP | P15_USAGE_DERIVE, label,
        };

        snprintf(label, sizeof(label), "Retired Key Management %u", i + 1);
        add_slot(t, &retired);
    }
}

/* Digits by the standard; Yubico takes any characters. */
static void list_pins(struct token *t)
{
    const struct piv *piv = t->priv;

    t->pins[0] = (struct card_pin_info){
        .label = "PIV PIN",
        .auth_id = {{PIV_PIN}, 1},
        .type = piv->yubico ? CARD_PIN_UTF8 : CARD_PIN_ASCII_NUMERIC,
        .min_len = 6,
        .max_len = 8,
        .stored_len = 8,
        .ref = PIV_PIN,
        .pad_char = 0xFF,
        .needs_padding = true,
        .tries_left = CARD_TRIES_UNKNOWN,
        .tries_max = CARD_TRIES_UNKNOWN,
    };
    t->pin_count = 1;
}

/* No APDU: which slots are in use only reading their certificates tells. */
static int piv_list(struct token *t, unsigned what)
{
    unsigned missing = what & ~t->listed;

    if ((missing & (TOKEN_KEYS | TOKEN_CERTS)) != 0) {
        list_keys_and_certs(t);
        t->listed |= TOKEN_KEYS | TOKEN_CERTS;
    }
    if ((missing & TOKEN_PINS) != 0)
        list_pins(t);
    t->listed |= what;
    return 0;
}

/* ---- PIN ----------------------------------------------------------------- */

static int need_application(struct token *t)
{
    return t->selected ? 0 : piv_select(t);
}

/* Yubico's metadata of a PIN: 06 holds the tries at most and left. */
static bool find_tries(struct bytes answer, struct tlv *tries)
{
    return tlv_find(answer, 0x06, tries) && tries->value.len == 2 &&
           tries->value.data[0] > 0 &&
           tries->value.data[1] <= tries->value.data[0];
}

static bool is_pin_metadata(struct bytes answer)
{
    struct tlv tries;

    return find_tries(answer, &tries);
}

/*
 * They tell the maximum, which nothing else does, and prove the application.
 */
int piv_read_tries(struct token *t, struct card_pin_info *pin)
{
    const struct apdu cmd = {.ins = INS_GET_METADATA, .p2 = pin->ref,
                             .le = APDU_LE_MAX};
    uint8_t space[APDU_LE_MAX];
    struct buf answer = BUF_ON(space);
    struct tlv tries;
    int rc = piv_command(t, &cmd, is_pin_metadata, &answer, "read metadata");

    if (rc < 0)
        return rc;
    if (!find_tries(buf_view(&answer), &tries))
        return card_fail(CARD_E_UNSUPPORTED, "metadata tell no tries");
    pin->tries_max = tries.value.data[0];
    pin->tries_left = tries.value.data[1];
    return 0;
}

/* The discovery object names this application. */
static bool is_discovery(struct bytes answer)
{
    static const uint32_t path[] = {0x7E, 0x4F, 0};
    struct tlv name;

    return tlv_find_path(answer, path, &name) &&
           bytes_start_with(name.value, BYTES_OF(piv_aid));
}

/*
 * The discovery object says which PIN the holder knows (part 1, 3.3.2); a card
 * without one has its own only.
 */
static int discover_pin(struct token *t, struct card_pin_info *pin)
{
    static const uint32_t path[] = {0x7E, 0x5F2F, 0};
    struct piv *piv = t->priv;
    uint8_t space[APDU_LE_MAX];
    struct buf object = BUF_ON(space);
    struct tlv policy;
    int rc = piv_get_data(t, BYTES_OF(discovery_tag), true, is_discovery,
                          &object);

    if (rc < 0 && !piv_refused(rc))
        return rc;
    piv->discovered = true;
    if (rc == 0 && tlv_find_path(buf_view(&object), path, &policy) &&
        policy.value.len == 2 && (policy.value.data[0] & POLICY_GLOBAL) != 0 &&
        policy.value.data[1] == PRIMARY_GLOBAL) {
        pin->ref = PIV_GLOBAL_PIN;
        snprintf(pin->label, sizeof(pin->label), "global PIN");
    }
    return 0;
}

/*
 * While the PIN is verified its counter is full: to verify fills it, and the
 * first wrong PIN ends it (part 2, 3.2.1). That whoever verified it unlocked
 * the keys for us too does not follow: PivApplet locks them again at SELECT. So
 * it is presented once more.
 */
static int piv_pin_status(struct token *t, struct card_pin_info *pin)
{
    struct piv *piv = t->priv;
    bool verified;
    int rc;

    pin->verified = false;
    if (piv->yubico) {
        if (!piv_refused(rc = piv_read_tries(t, pin)))
            return rc;
        piv->yubico = false; /* before firmware 5.3 */
    }
    if (!piv->discovered && (rc = discover_pin(t, pin)) < 0)
        return rc;
    if ((rc = need_application(t)) < 0)
        return rc;
    rc = iso_verify_query(t->reader, pin->ref, &verified, &pin->tries_left);
    if (rc == 0 && verified)
        pin->tries_left = CARD_TRIES_FULL;
    return rc == CARD_E_UNSUPPORTED ? 0 : rc;
}

static int piv_verify(struct token *t, struct card_pin_info *pin,
                      struct bytes value)
{
    int rc = need_application(t);

    return rc < 0 ? rc : iso_present_pin(t->reader, pin, value);
}

const struct driver driver_piv = {
    .name = "piv",
    .neighbours = true, /* as OpenPGP on a YubiKey */
    .likely = piv_likely,
    .probe = piv_probe,
    .select = piv_select,
    .list = piv_list,
    .read_cert = piv_read_cert,
    .pin_status = piv_pin_status,
    .verify = piv_verify,
    .sign = piv_sign,
    .decrypt = piv_decrypt,
    .close = piv_close,
    .derive = piv_derive,
    .read_public = piv_read_public,
};
