/*
 * The nouns every layer shares: records of keys, certificates and PINs as a
 * card describes them. Plain data, so drivers and faces need no more than this.
 */
#ifndef CARD_OBJECT_H
#define CARD_OBJECT_H

#include "card/base/bytes.h"
#include "card/base/sha.h"

enum {
    CARD_LABEL_MAX = 128,       /* bytes of UTF-8 with the NUL */
    CARD_ID_MAX = 64,           /* bytes of an iD or authId */
    CARD_PATH_MAX = 16,         /* bytes of a file path or AID */
    CARD_MAX_KEYS = 32,         /* records kept per card */
    CARD_MAX_CERTS = 64,
    CARD_MAX_PINS = 16,
    CARD_MAX_FILE = 65536,      /* bytes read of any one file */
    CARD_MAX_SIGNATURE = 1024,  /* bytes: RSA-8192; ML-DSA's are not held */
    CARD_MAX_PUBLIC = 2048,     /* bytes of a card key's SubjectPublicKeyInfo */
    CARD_MAX_ML_PUBLIC = 2592,  /* bytes: ML-DSA-87 (FIPS 204, table 2) */
    CARD_ML_KEM_SECRET = 32,    /* bytes (FIPS 203, table 3) */
    CARD_MAX_PIN = 64,          /* bytes */
    CARD_SERIAL_MAX = 64        /* hex or text with the NUL */
};

/* iD, authId: short opaque bytes. */
struct card_id {
    uint8_t data[CARD_ID_MAX];
    size_t len;
};

/* A path (FIDs) or an AID; len 0 means none. */
struct card_path {
    uint8_t data[CARD_PATH_MAX];
    size_t len;
};

enum card_key_type {
    CARD_KEY_RSA,
    CARD_KEY_EC, /* P-256, P-384, P-521 */
    CARD_KEY_ED25519,
    CARD_KEY_ED448,
    CARD_KEY_X25519,
    CARD_KEY_X448,
    CARD_KEY_ML_DSA_44, /* FIPS 204 */
    CARD_KEY_ML_DSA_65,
    CARD_KEY_ML_DSA_87,
    CARD_KEY_ML_KEM_512, /* FIPS 203 */
    CARD_KEY_ML_KEM_768,
    CARD_KEY_ML_KEM_1024
};

static inline bool card_key_is_ml_dsa(enum card_key_type type)
{
    return type >= CARD_KEY_ML_DSA_44 && type <= CARD_KEY_ML_DSA_87;
}

static inline bool card_key_is_ml_kem(enum card_key_type type)
{
    return type >= CARD_KEY_ML_KEM_512 && type <= CARD_KEY_ML_KEM_1024;
}

/* What a key serves for, by the card's own description; also `usage=`. */
enum card_use {
    CARD_USE_AUTH = 1 << 0,    /* TLS client, challenge: signs hashes */
    CARD_USE_SIGN = 1 << 1,    /* nonRepudiation: documents */
    CARD_USE_DECRYPT = 1 << 2, /* key agreement too */
};

/*
 * What the card can compute with a key, as its driver knows. What padding in
 * software makes of it is in card_key_can.
 */
enum card_can {
    CARD_CAN_PKCS1 = 1 << 0,         /* EMSA-PKCS1-v1_5 over any DigestInfo */
    CARD_CAN_PKCS1_HASH = 1 << 1,    /* the same over SHA-1 and SHA-256 only */
    CARD_CAN_MIDSTATE = 1 << 2,      /* it can finish the hash itself */
    CARD_CAN_DECRYPT_PKCS1 = 1 << 3, /* RSAES-PKCS1-v1_5, unpads itself */
    CARD_CAN_PSS = 1 << 4,           /* EMSA-PSS, pads itself */
    CARD_CAN_RAW_SIGN = 1 << 5,      /* RSASP1 over a block padded by us */
    CARD_CAN_DECRYPT_OAEP = 1 << 6,  /* RSAES-OAEP, unpads itself */
    CARD_CAN_DECRYPT_RAW = 1 << 7,   /* RSADP, padding and all */
    CARD_CAN_ECDSA = 1 << 8,
    CARD_CAN_EDDSA = 1 << 9,         /* PureEdDSA */
    CARD_CAN_DERIVE = 1 << 10,       /* ECDH, X25519, X448 */
    CARD_CAN_ML_DSA = 1 << 11,       /* pure, with an empty context */
    CARD_CAN_DECAPSULATE = 1 << 12   /* ML-KEM */
};

/*
 * ISO 7816-15 KeyUsageFlags: bit n of the BIT STRING is 1 << n here.
 */
enum p15_usage {
    P15_USAGE_ENCRYPT = 1 << 0,
    P15_USAGE_DECRYPT = 1 << 1,
    P15_USAGE_SIGN = 1 << 2,
    P15_USAGE_SIGN_RECOVER = 1 << 3,
    P15_USAGE_WRAP = 1 << 4,
    P15_USAGE_UNWRAP = 1 << 5,
    P15_USAGE_VERIFY = 1 << 6,
    P15_USAGE_VERIFY_RECOVER = 1 << 7,
    P15_USAGE_DERIVE = 1 << 8,
    P15_USAGE_NON_REPUDIATION = 1 << 9
};

struct card_key_info {
    char label[CARD_LABEL_MAX]; /* UTF-8, control characters replaced */
    struct card_id id;          /* pairs it with its certificate */
    enum card_key_type type;
    unsigned bits;              /* modulus or field size; 0 if not said */
    uint32_t usage;             /* enum p15_usage, as the card says */
    unsigned uses;              /* enum card_use, as the driver reads it */
    unsigned can;               /* enum card_can */
    uint8_t ref;                /* key reference for MSE tag 84 */
    bool no_ref;                /* the card gives none: the path names it */
    uint32_t algorithms;        /* ISO 7816-15 algReference n is 1 << n */
    struct card_path path;      /* of the key file or DF, may be empty */
    struct card_id auth_id;     /* of the PIN that guards it, may be empty */
    bool private_object;        /* seen only after login */
    bool user_consent;          /* the PIN is to be given for each use */
    const void *object;         /* the driver's own, lives as long as its token */
};

struct card_cert_info {
    char label[CARD_LABEL_MAX];
    struct card_id id;          /* equals its key's */
    struct card_path path;      /* of the file that holds it */
    size_t offset, length;      /* inside that file; length 0: whole file */
    bool authority;             /* a CA's */
    bool private_object;
};

/* What a search can give. */
enum card_kind {
    CARD_KIND_CERT = 1 << 0,
    CARD_KIND_PUBLIC = 1 << 1,
    CARD_KIND_PRIVATE = 1 << 2
};

enum card_pin_type {            /* ISO 7816-15 PasswordType */
    CARD_PIN_BCD = 0,
    CARD_PIN_ASCII_NUMERIC = 1,
    CARD_PIN_UTF8 = 2,
    CARD_PIN_HALF_NIBBLE_BCD = 3,
    CARD_PIN_ISO9564_1 = 4
};

/* Tries left where there is no number to tell: all are below 0. */
enum {
    CARD_TRIES_UNKNOWN = -1,
    CARD_TRIES_FULL = -2, /* none was lost (PKCS#11: COUNT_LOW is clear) */
    CARD_TRIES_LOW = -3   /* some were lost, more than one is left */
};

struct card_pin_info {
    char label[CARD_LABEL_MAX];
    struct card_id auth_id;     /* what keys point at */
    struct card_id protected_by; /* authId or reference of its PUK, or empty */
    enum card_pin_type type;
    unsigned min_len, max_len;  /* characters; max 0: not said */
    unsigned stored_len;        /* bytes after padding; 0: not said */
    uint8_t ref;                /* P2 of VERIFY, as stored */
    uint8_t pad_char;           /* when needs_padding */
    bool needs_padding;
    bool unblocking;            /* a PUK: never asked for to use a key */
    bool no_ref;                /* a PUK that goes with a new PIN alone */
    bool alias;                 /* the PIN of a record before it, by another
                                   reference: people are told of one */
    bool local;                 /* belongs to the DF in `path` */
    bool unblock_disabled, change_disabled, exchange_ref_data;
    struct card_path path;      /* DF to SELECT before VERIFY, or empty */
    int tries_left, tries_max;  /* CARD_TRIES_UNKNOWN until the card was asked */
    bool keypad;                /* entered at the reader, never known here */
    bool derived;               /* sent as something computed from it */
    bool silent;                /* only a wrong PIN makes the card tell tries */
    bool verified;              /* the card said so when last asked */
    bool presented;             /* a value went to the card for it */
    bool setting;               /* a new one did, whatever came back */
};

enum card_padding {
    CARD_PAD_PKCS1,
    CARD_PAD_PSS,
    CARD_PAD_NONE /* the value is a block as long as the modulus */
};

/*
 * To be signed: the finished hash, and how the card may finish it itself.
 *
 *   padding  of RSA keys; PSS with mgf_hash and salt_len bytes of salt
 *   hash     CARD_HASH_NONE: value is a block to pad as it is (a DigestInfo
 *            or TLS 1.0's MD5 || SHA-1), or a hash for ECDSA of any length;
 *            else value is that hash, bare
 *   message  of EdDSA and ML-DSA keys, lent: they sign it and no hash
 *   midstate of the same message; midstate.hash is CARD_HASH_NONE if unknown
 */
struct card_tbs {
    enum card_padding padding;
    enum card_hash hash;
    enum card_hash mgf_hash;
    size_t salt_len;
    uint8_t value[CARD_MAX_SIGNATURE];
    size_t len;
    struct bytes message;
    struct sha_midstate midstate;
};

enum card_unpadding {
    CARD_UNPAD_PKCS1,          /* RFC 8017 7.2.2 with implicit rejection */
    CARD_UNPAD_PKCS1_EXPLICIT, /* the same with an error: IMPLICIT_REJECTION 0 */
    CARD_UNPAD_TLS,            /* RFC 5246 7.4.7.1: always 48 bytes */
    CARD_UNPAD_OAEP,           /* RFC 8017 7.1.2 */
    CARD_UNPAD_NONE            /* RSADP alone: as long as the modulus */
};

/* How a cryptogram is padded. Zeroed is PKCS#1 v1.5. */
struct card_unpad {
    enum card_unpadding padding;
    enum card_hash hash, mgf_hash; /* OAEP */
    struct bytes label;            /* OAEP, lent */
    unsigned tls_version;          /* TLS: the client hello's */
    unsigned tls_version_also;     /* TLS: accepted as well, or 0 */
};

/*
 * Something a card says of itself or its holder, for people. Lent for the call.
 *
 *   name      stable, for scripts: "logical-id"; of a value nobody has explained
 *             the place it stands at, "D107.84"
 *   value     UTF-8 without control characters
 *   source    where the card says so: "EF.SN", "TokenInfo label"
 *   personal  it names or describes the holder
 */
struct card_field {
    const char *name, *value, *source;
    bool personal;
};
typedef int card_field_fn(void *arg, const struct card_field *field);

/* A key pair to be made on a token. */
struct card_key_request {
    enum card_key_type type;
    unsigned bits;         /* RSA: modulus; EC: 256, 384, 521 */
    struct bytes exponent; /* RSA, big-endian; empty: 65537 */
    unsigned uses;         /* enum card_use; 0: what the type is good for */
};

#endif
