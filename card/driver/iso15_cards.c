/*
 * Cards with ISO 7816-15 directories that do things in ways of their own, and
 * what a key can do on them. Facts: fact sheet iso7816-pkcs15 section 4 for
 * IsoApplet 1.0; what OpenSC 0.26 and OsEID show of MyEID and CardOS.
 */
#include "card/driver/iso15.h"

#include <string.h>

#include "card/error.h"

/* The applet pads and unpads, does nothing raw, and agrees on no secrets. */
static const struct iso15_card isoapplet = {
    .model = "IsoApplet",
    .aid = {0xF2, 0x76, 0xA2, 0x88, 0xBC, 0xFB, 0xA6, 0x9D, 0x34, 0xF3, 0x10,
            0x01},
    .aid_len = 12,
    .path = {0x3F, 0x00, 0x50, 0x15},
    .path_len = 4,
    .quirks = QUIRK_NO_DF | QUIRK_APPLET_INFO,
    .tries_max = 3,
    .alg = {[OP_PKCS1] = 0x11,
            [OP_SHA1] = ALG_NONE,
            [OP_SHA256] = ALG_NONE,
            [OP_PSS] = 0x12,
            [OP_RAW] = ALG_NONE,
            [OP_ECDSA] = 0x21,
            [OP_DECIPHER] = 0x11,
            [OP_DECIPHER_RAW] = ALG_NONE,
            [OP_DERIVE] = ALG_NONE},
};

static const struct iso15_card myeid = {
    .model = "MyEID",
    .names = {"MyEID", "OsEID"},
    .path = {0x3F, 0x00, 0x50, 0x15},
    .path_len = 4,
    .quirks = QUIRK_KEY_FILE | QUIRK_FULL_HASH | QUIRK_HALVES | QUIRK_CHAINING,
    .tries_max = CARD_TRIES_UNKNOWN,
    .alg = {[OP_PKCS1] = 0x02,
            [OP_SHA1] = ALG_NONE,
            [OP_SHA256] = ALG_NONE,
            [OP_PSS] = ALG_NONE,
            [OP_RAW] = 0x00,
            [OP_ECDSA] = 0x04,
            [OP_DECIPHER] = 0x02,
            [OP_DECIPHER_RAW] = 0x00,
            [OP_DERIVE] = 0x04},
};

/* A key signs a DigestInfo or a padded block, as it was made. */
static const struct iso15_card cardos4 = {
    .model = "CardOS M4",
    .atrs = {"3BE200FFC11031FE55C8029C", "3BD21802C10A31FE58C80D51"},
    .quirks = QUIRK_REF_83 | QUIRK_LOCAL_PIN | QUIRK_EXTENDED,
    .tries_max = CARD_TRIES_UNKNOWN,
    .alg = {[OP_PKCS1] = ALG_IMPLIED,
            [OP_SHA1] = ALG_NONE,
            [OP_SHA256] = ALG_NONE,
            [OP_PSS] = ALG_NONE,
            [OP_RAW] = ALG_IMPLIED,
            [OP_ECDSA] = ALG_NONE,
            [OP_DECIPHER] = ALG_NONE,
            [OP_DECIPHER_RAW] = ALG_IMPLIED,
            [OP_DERIVE] = ALG_NONE},
};

static const struct iso15_card cardos50 = {
    .model = "CardOS V5.0",
    .atrs = {"3BD218008131FE58C90114"},
    .quirks = QUIRK_REF_NIBBLES | QUIRK_LOCAL_PIN | QUIRK_EXTENDED,
    .tries_max = CARD_TRIES_UNKNOWN,
    .alg = {[OP_PKCS1] = 0x10,
            [OP_SHA1] = ALG_NONE,
            [OP_SHA256] = ALG_NONE,
            [OP_PSS] = ALG_NONE,
            [OP_RAW] = ALG_NONE,
            [OP_ECDSA] = 0x30,
            [OP_DECIPHER] = 0x10,
            [OP_DECIPHER_RAW] = ALG_NONE,
            [OP_DERIVE] = ALG_NONE},
};

static const struct iso15_card cardos53 = {
    .model = "CardOS V5.3",
    .atrs = {"3BD218008131FE58C90217", "3BD218008131FE58C90316",
             "3BD218008131FE58C90411"},
    .quirks = QUIRK_REF_NIBBLES | QUIRK_LOCAL_PIN | QUIRK_EXTENDED,
    .tries_max = CARD_TRIES_UNKNOWN,
    .alg = {[OP_PKCS1] = 0x10,
            [OP_SHA1] = ALG_NONE,
            [OP_SHA256] = ALG_NONE,
            [OP_PSS] = ALG_NONE,
            [OP_RAW] = ALG_IMPLIED,
            [OP_ECDSA] = 0x30,
            [OP_DECIPHER] = 0x10,
            [OP_DECIPHER_RAW] = ALG_IMPLIED,
            [OP_DERIVE] = ALG_NONE},
};

/* Without a word on algorithms a key has one for each operation, implied. */
const struct iso15_card iso15_any_card = {
    .model = "ISO 7816-15",
    .quirks = QUIRK_ALGORITHMS,
    .tries_max = CARD_TRIES_UNKNOWN,
    .alg = {[OP_PKCS1] = ALG_IMPLIED,
            [OP_SHA1] = ALG_NONE,
            [OP_SHA256] = ALG_NONE,
            [OP_PSS] = ALG_NONE,
            [OP_RAW] = ALG_NONE,
            [OP_ECDSA] = ALG_IMPLIED,
            [OP_DECIPHER] = ALG_IMPLIED,
            [OP_DECIPHER_RAW] = ALG_NONE,
            [OP_DERIVE] = ALG_NONE},
};

static const struct iso15_card *const by_atr[] = {&myeid, &cardos4, &cardos50,
                                                  &cardos53};
static const struct iso15_card *const by_applet[] = {&isoapplet, NULL};

/* ---- recognition --------------------------------------------------------- */

static bool has_atr(const struct iso15_card *card, const char *atr)
{
    for (size_t i = 0; i < nitems(card->atrs); i++)
        if (card->atrs[i] != NULL && strcmp(card->atrs[i], atr) == 0)
            return true;
    return false;
}

/* A check byte may follow the historical bytes (ISO 7816-3 8.2.5). */
static bool has_name(const struct iso15_card *card, struct bytes atr)
{
    for (size_t i = 0; i < nitems(card->names); i++) {
        struct bytes name = bytes_of_string(
            card->names[i] != NULL ? card->names[i] : "");

        for (size_t tck = 0; name.len > 0 && tck <= 1; tck++)
            if (atr.len >= name.len + tck &&
                bytes_equal(bytes_from(atr.data + atr.len - name.len - tck,
                                       name.len), name))
                return true;
    }
    return false;
}

const struct iso15_card *iso15_card_of_atr(const struct reader *r)
{
    struct bytes atr = bytes_from(r->atr, r->atr_len);
    char hex[2 * READER_ATR_MAX + 1];

    bytes_to_hex(atr, hex, sizeof(hex));
    for (size_t i = 0; i < nitems(by_atr); i++)
        if (has_atr(by_atr[i], hex) || has_name(by_atr[i], atr))
            return by_atr[i];
    return NULL;
}

const struct iso15_card *iso15_card_with_applet(size_t i)
{
    return by_applet[i];
}

/* ---- algorithms ---------------------------------------------------------- */

/* A PKCS#11 mechanism, with the operation where one does for two. */
static const struct {
    uint32_t mechanism, operations;
    enum card_key_type type;
    unsigned can;
    uint32_t usage;
} ops[OP_COUNT] = {
    [OP_PKCS1] = {0x0001, P15_COMPUTE_SIGNATURE, CARD_KEY_RSA, CARD_CAN_PKCS1,
                  P15_USAGE_SIGN | P15_USAGE_SIGN_RECOVER |
                      P15_USAGE_NON_REPUDIATION},
    [OP_SHA1] = {0x0006, P15_COMPUTE_SIGNATURE, CARD_KEY_RSA,
                 CARD_CAN_PKCS1_HASH | CARD_CAN_MIDSTATE,
                 P15_USAGE_SIGN | P15_USAGE_NON_REPUDIATION},
    [OP_SHA256] = {0x0040, P15_COMPUTE_SIGNATURE, CARD_KEY_RSA,
                   CARD_CAN_PKCS1_HASH | CARD_CAN_MIDSTATE,
                   P15_USAGE_SIGN | P15_USAGE_NON_REPUDIATION},
    [OP_PSS] = {0x000D, P15_COMPUTE_SIGNATURE, CARD_KEY_RSA, CARD_CAN_PSS,
                P15_USAGE_SIGN | P15_USAGE_NON_REPUDIATION},
    [OP_RAW] = {0x0003, P15_COMPUTE_SIGNATURE, CARD_KEY_RSA, CARD_CAN_RAW_SIGN,
                P15_USAGE_SIGN | P15_USAGE_SIGN_RECOVER |
                    P15_USAGE_NON_REPUDIATION},
    [OP_ECDSA] = {0x1041, P15_COMPUTE_SIGNATURE, CARD_KEY_EC, CARD_CAN_ECDSA,
                  P15_USAGE_SIGN | P15_USAGE_NON_REPUDIATION},
    [OP_DECIPHER] = {0x0001, P15_DECIPHER, CARD_KEY_RSA,
                     CARD_CAN_DECRYPT_PKCS1,
                     P15_USAGE_DECRYPT | P15_USAGE_UNWRAP},
    [OP_DECIPHER_RAW] = {0x0003, P15_DECIPHER, CARD_KEY_RSA,
                         CARD_CAN_DECRYPT_RAW,
                         P15_USAGE_DECRYPT | P15_USAGE_UNWRAP},
    [OP_DERIVE] = {0x1050, 0, CARD_KEY_EC, CARD_CAN_DERIVE, P15_USAGE_DERIVE},
};

/* Those the key names; where it names none, all. */
static bool is_for_key(const struct card_key_info *key,
                       const struct p15_algorithm *a)
{
    return key->algorithms == 0 ||
           (a->reference < 32 &&
            (key->algorithms & UINT32_C(1) << a->reference) != 0);
}

/* AES and hashes are told of too: they say nothing of what a key can do. */
static bool is_of_type(const struct card_key_info *key, uint32_t mechanism)
{
    for (size_t op = 0; op < OP_COUNT; op++)
        if (ops[op].mechanism == mechanism && ops[op].type == key->type)
            return true;
    return false;
}

/* ALG_IMPLIED: TokenInfo is silent on keys of this type. */
static int told_algorithm(const struct p15_token_info *info,
                          const struct card_key_info *key, enum iso15_op op)
{
    int found = ALG_IMPLIED;

    for (size_t i = 0; i < info->algorithm_count; i++) {
        const struct p15_algorithm *a = &info->algorithms[i];

        if (!is_for_key(key, a) || !is_of_type(key, a->mechanism))
            continue;
        if (a->mechanism == ops[op].mechanism &&
            (a->operations & ops[op].operations) == ops[op].operations)
            return a->alg_ref;
        found = ALG_NONE;
    }
    return found;
}

/*
 * CardOS M4: algorithms 86 and 88 (RSA_SIG) take a DigestInfo, 8A and 8C
 * (RSA_PURE_SIG) a padded block. Told for the whole card only.
 */
static bool is_pure(const struct p15_algorithm *a)
{
    return a->alg_ref == 0x8A || a->alg_ref == 0x8C;
}

static bool may_sign_so(const struct p15_token_info *info, bool pure)
{
    bool other = false;

    for (size_t i = 0; i < info->algorithm_count; i++) {
        const struct p15_algorithm *a = &info->algorithms[i];

        if ((a->operations & P15_COMPUTE_SIGNATURE) == 0)
            continue;
        if (is_pure(a) == pure)
            return true;
        other = true;
    }
    return !other;
}

int iso15_algorithm(const struct iso15_card *card,
                    const struct p15_token_info *info,
                    const struct card_key_info *key, enum iso15_op op)
{
    int alg = card->alg[op];
    int told;

    if ((card->quirks & QUIRK_ALGORITHMS) != 0 &&
        (told = told_algorithm(info, key, op)) != ALG_IMPLIED)
        return told;
    if ((card->quirks & QUIRK_REF_83) != 0 &&
        (op == OP_PKCS1 || op == OP_RAW) && !may_sign_so(info, op == OP_RAW))
        return ALG_NONE;
    if ((card->quirks & QUIRK_REF_NIBBLES) != 0 && (key->ref & 0xF0) != 0)
        return alg >= 0 ? key->ref & 0xF0 : ALG_NONE;
    return alg;
}

void iso15_judge(const struct iso15_card *card,
                 const struct p15_token_info *info, struct card_key_info *key)
{
    const uint32_t sign = P15_USAGE_SIGN | P15_USAGE_SIGN_RECOVER;
    const uint32_t decrypt =
        P15_USAGE_DECRYPT | P15_USAGE_UNWRAP | P15_USAGE_DERIVE;

    if ((key->usage & sign) != 0)
        key->uses |= CARD_USE_AUTH;
    if ((key->usage & P15_USAGE_NON_REPUDIATION) != 0)
        key->uses |= CARD_USE_SIGN;
    if ((key->usage & decrypt) != 0)
        key->uses |= CARD_USE_DECRYPT;
    for (size_t op = 0; op < OP_COUNT; op++)
        if (ops[op].type == key->type && (ops[op].usage & key->usage) != 0 &&
            iso15_algorithm(card, info, key, (enum iso15_op)op) != ALG_NONE)
            key->can |= ops[op].can;
}
