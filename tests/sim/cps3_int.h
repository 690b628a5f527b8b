/*
 * Inside the simulated CPS3: its state, and what its parts give each other.
 */
#ifndef TESTS_SIM_CPS3_INT_H
#define TESTS_SIM_CPS3_INT_H

#include <openssl/evp.h>

#include "card/base/bytes.h"
#include "tests/sim/cps3.h"

enum {
    CPS3_MAX_FILES = 24,
    CPS3_MAX_FILE = 8192,
    CPS3_PIN_BLOCK = 8,
    CPS3_MAX_BODY = 1024,
    CPS3_MODULUS = 256
};

enum cps3_sw {
    SW_OK = 0x9000,
    SW_EOF = 0x6282,
    SW_TRIES = 0x63C0,
    SW_MEMORY = 0x6581,
    SW_LENGTH = 0x6700,
    SW_CHANNEL = 0x6881,
    SW_SECURE_MESSAGING = 0x6882,
    SW_CHAINING = 0x6884,
    SW_SECURITY = 0x6982,
    SW_BLOCKED = 0x6983,
    SW_CONDITIONS = 0x6985,
    SW_NO_EF = 0x6986,
    SW_DATA = 0x6A80,
    SW_NOT_FOUND = 0x6A82,
    SW_P1P2 = 0x6A86,
    SW_NO_REFERENCE = 0x6A88,
    SW_OFFSET = 0x6B00,
    SW_WRONG_LE = 0x6C00,
    SW_INS = 0x6D00,
    SW_CLA = 0x6E00,
    SW_ERROR = 0x6F00
};

/*
 * A maker's card. Templates take $0 aid, $1 the contactless one, $2 root, $3
 * serial number with issuer, $7 bare, $8 shifted by a nibble.
 *
 *   atr, root, aid  hexadecimal; the DF 0001 has the name aid
 *   dir             template of EF.DIR; NULL: none
 */
struct cps3_maker {
    const char *name;
    const char *atr;
    const char *root, *aid;
    const char *dir, *ef_atr, *sn;
    uint8_t ef_p1;      /* SELECT of an EF by its FID */
    uint8_t answer_p2;  /* SELECT of a file with an answer */
    bool mf_answers;    /* SELECT of the MF without is refused */
    bool t1;
    bool cps;           /* the other DF is there too */
    bool whole_paths;   /* P1 09: path with 3F00; else without */
    bool covered;       /* by a card manager, until its root is selected */
    bool no_sdo;
    bool local_pin;     /* the PIN is the DF's own: 81 */
    bool pin_24;        /* its block has 24 bytes, filled with 00 */
    bool contactless;   /* technical key alone, the AODF is closed */
};

enum cps3_where {
    CPS3_MF,
    CPS3_DF,     /* 3F00/0001, the PKCS#15 application */
    CPS3_DF_CL,  /* 3F00/0002, the contactless one */
    CPS3_FOREIGN /* an application that is none of this card's business */
};

struct cps3_file {
    uint16_t fid;
    enum cps3_where where;
    uint8_t sfi_byte; /* FCP tag 88; SFI << 3; 0: none */
    bool free_read;   /* ACL seen in the FCP: EF.SN's differs */
    bool closed;      /* not to be read */
    bool guarded;     /* not before VERIFY */
    struct buf content;
};

enum { CPS3_PIN, CPS3_PUK };

/* What outlives power: the state file. */
struct cps3_secret {
    uint8_t block[CPS3_PIN_BLOCK];
    uint8_t tries;
};

struct cps3_store {
    struct cps3_secret secret[2]; /* CPS3_PIN, CPS3_PUK */
    uint8_t puk_usage;
};

/* Security environment: algorithm and key per template, 0: not set. */
struct cps3_template {
    uint8_t alg, key;
};

enum { CPS3_AT, CPS3_DST, CPS3_CT, CPS3_HT, CPS3_TEMPLATES };

/* What power and the selection of a DF wipe. */
struct cps3_environment {
    struct cps3_template set[CPS3_TEMPLATES];
    uint8_t hash[32];
    uint8_t hash_len; /* 0: no PSO HASH before */
};

struct cps3 {
    struct applet applet;
    struct cps3_options options;
    const struct cps3_maker *maker;
    uint8_t root_data[16], aid_data[16];
    uint8_t atr_data[33];
    struct buf root, aid, atr;
    struct cps3_file files[CPS3_MAX_FILES];
    size_t file_count;
    EVP_PKEY *sign_key, *auth_key;
    struct cps3_store store;

    /* RAM: gone at power on. */
    enum cps3_where where;
    const struct cps3_file *ef;
    bool verified[2];
    struct cps3_environment env;
    uint8_t chain_data[CPS3_MAX_BODY];
    struct buf chain; /* on chain_data: earlier parts of a chained command */
    uint8_t waiting_data[CPS3_MAX_BODY];
    struct buf waiting; /* on waiting_data: for GET RESPONSE */

    uint8_t last_block[CPS3_MODULUS]; /* what was signed, for SIGN_PREVIOUS */
    size_t last_len;
};

/* A command taken apart. */
struct cps3_command {
    uint8_t cla, ins, p1, p2;
    struct bytes body;
    size_t le; /* 0: none asked for; 256 for a byte 00 */
};

/* Each command appends its data to `out` and returns a status word. */
typedef unsigned cps3_command_fn(struct cps3 *c,
                                 const struct cps3_command *cmd,
                                 struct buf *out);

/* cps3_maker.c; NULL: none of that name. */
const struct cps3_maker *cps3_find_maker(const char *name);

/* cps3_files.c: fill c->files; CARD_E_CONFIG. */
int cps3_make_files(struct cps3 *c);
void cps3_free_files(struct cps3 *c);
struct cps3_file *cps3_find_file(struct cps3 *c, enum cps3_where where,
                                 uint16_t fid);
int cps3_put_fcp(const struct cps3_file *file, struct buf *out);
int cps3_put_df_fcp(const struct cps3 *c, struct buf *out);

/* cps3_pin.c */
int cps3_store_load(struct cps3 *c);
int cps3_store_save(const struct cps3 *c);
/* Settings tries, puk-tries, puk-uses: true if it was one. */
bool cps3_store_set(struct cps3 *c, const char *name, const char *value);
cps3_command_fn cps3_verify, cps3_change, cps3_reset_retry, cps3_get_data;

/* cps3_key.c */
cps3_command_fn cps3_mse, cps3_pso, cps3_internal_authenticate;

extern const struct bytes cps3_aid_contactless;

#endif
