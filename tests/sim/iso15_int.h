/*
 * Inside the simulated ISO 7816-15 cards: their state, shared by iso15.c
 * (commands), iso15_files.c (what is in the files), iso15_key.c (keys).
 */
#ifndef TESTS_SIM_ISO15_INT_H
#define TESTS_SIM_ISO15_INT_H

#include "tests/sim/applet.h"
#include "tests/sim/frame.h"
#include "tests/sim/keys.h"

enum iso15_kind { ISO15_PLAIN, ISO15_ISOAPPLET, ISO15_MYEID };
enum iso15_certs { CERTS_FILE, CERTS_INLINE, CERTS_SHARED, CERTS_NONE };
enum iso15_dir { DIR_YES, DIR_RECORDS, DIR_AID, DIR_SHORT, DIR_NO };
enum iso15_algorithms { ALGS_NO, ALGS_YES, ALGS_SHA1, ALGS_HASH };
enum iso15_pin { PIN_ASCII, PIN_BCD, PIN_ISO9564, PIN_BARE };

enum {
    ISO15_MAX_FILES = 40,
    ISO15_PATH_MAX = 8,
    ISO15_PIN = 0, /* indices of sim_pins */
    ISO15_PUK = 1,
    APPLET_PIN_LEN = 16
};

/* A file; of a DF the content is empty and `df` set. */
struct iso15_file {
    uint8_t path[ISO15_PATH_MAX]; /* from the MF, which is not in it */
    size_t path_len;
    struct buf content;
    bool df;
    bool key;     /* MyEID's: not to be read */
    bool hidden;  /* read after login only */
    bool records; /* READ RECORD only; one record */
};

struct iso15_sim {
    struct applet applet; /* first */
    struct sim_frame frame;
    struct sim_pins pins;
    struct sim_keys keys;
    char names[SIM_MAX_KEYS][24]; /* of the keys */
    char dir_name[512];
    char serial[33];      /* hex */
    char update[24];      /* GeneralizedTime; "no": none */
    char gdo[33];         /* hex, or "no" */
    char pin_text[17], puk_text[17];
    enum iso15_kind kind;
    enum iso15_certs certs;
    enum iso15_dir dir;
    enum iso15_algorithms algorithms;
    enum iso15_pin pin_format;
    size_t many, big;
    unsigned version;
    bool keeps, query, by_path, no_answer, raw_ecdsa, hidden, local, loop;
    bool first_6c, pss;
    struct iso15_file file[ISO15_MAX_FILES];
    size_t file_count;
    /* RAM */
    bool inside;      /* isoapplet: it is selected */
    size_t current;   /* file; ISO15_MAX_FILES: the MF */
    size_t df;        /* the same of its DF */
    uint8_t crt;      /* of MSE SET; 0: none */
    int alg;          /* -1: none was given */
    size_t key;       /* its index; SIM_MAX_KEYS: none */
    struct buf hash;  /* of PSO HASH; has 64 bytes */
    uint8_t hash_space[64];
    uint8_t half[1024]; /* myeid: the first part to decipher */
    size_t half_len;
};

/* What is in TokenInfo, what the keys use: { mechanism, byte, operation }. */
struct iso15_algorithm {
    uint16_t mechanism;
    uint8_t alg, operation; /* operation: the BIT STRING's bits */
    bool ec;
};
/* Ends with mechanism 0. */
const struct iso15_algorithm *iso15_algorithms(const struct iso15_sim *c);

/* CARD_E_ARGUMENT. Files and PIN are to be made anew afterwards. */
int iso15_set_one(struct iso15_sim *c, const char *name, const char *value);
/* PIN and PUK as they go over the wire, if the setting is of their making. */
int iso15_write_pins(struct iso15_sim *c, const char *setting);
/* Make all files anew. CARD_E_MEMORY, CARD_E_LIMIT, CARD_E_BUFFER. */
int iso15_write_files(struct iso15_sim *c);
/* FID of a key's file, reference of a key: both from its index. */
uint16_t iso15_key_fid(size_t index);
uint8_t iso15_key_ref(const struct iso15_sim *c, size_t index);

/* Each returns a status word. */
unsigned iso15_mse(struct iso15_sim *c, const struct sim_command *cmd);
unsigned iso15_pso(struct iso15_sim *c, const struct sim_command *cmd,
                   struct buf *out);
unsigned iso15_agree(struct iso15_sim *c, const struct sim_command *cmd,
                     struct buf *out);

#endif
