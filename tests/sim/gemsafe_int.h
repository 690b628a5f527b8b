/*
 * Inside the simulated Gemalto cards.
 */
#ifndef TESTS_SIM_GEMSAFE_INT_H
#define TESTS_SIM_GEMSAFE_INT_H

#include "tests/sim/frame.h"
#include "tests/sim/gemsafe.h"
#include "tests/sim/keys.h"

enum gemsafe_variant { GEMSAFE_V1, GEMSAFE_V3, GEMSAFE_P15 };

enum {
    GEMSAFE_PIN,
    GEMSAFE_PUK,
    GEMSAFE_MAX_FILES = 16,
    GEMSAFE_MAX_HASH = 64,
    GEMSAFE_DF = 0x1600,
    GEMSAFE_OBJECT = 0x0004,
    GEMSAFE_P15_DF = 0x5000,
    GEMSAFE_MF = 0x3F00
};

struct gemsafe_file {
    uint16_t df, fid;
    struct buf content;
};

struct gemsafe_sim {
    struct applet applet; /* first */
    enum gemsafe_variant variant;
    struct sim_frame frame;
    struct sim_pins pins;
    struct sim_keys keys;
    struct gemsafe_file files[GEMSAFE_MAX_FILES];
    size_t file_count;

    char dir[512], pin[16], puk[16];
    char certs[64], object[8], decipher[8], usage[8], update[24];
    char empty_verify[8];
    uint8_t chip[8];
    bool ascii, no_cplc, unnamed, classic, unswapped, short_hashes;

    uint16_t df; /* RAM from here */
    const struct gemsafe_file *ef;
    uint8_t crt, algorithm, key_ref; /* the security environment */
    uint8_t hash[GEMSAFE_MAX_HASH];
    size_t hash_len;
};

/* gemsafe_files.c: make all files anew. CARD_E_CONFIG, CARD_E_MEMORY. */
int gemsafe_make_files(struct gemsafe_sim *c);
void gemsafe_free_files(struct gemsafe_sim *c);
/* The key that has this reference; SIM_MAX_KEYS: none. */
size_t gemsafe_key_of(const struct gemsafe_sim *c, uint8_t ref);

/* gemsafe_key.c */
unsigned gemsafe_mse(struct gemsafe_sim *c, const struct sim_command *cmd);
unsigned gemsafe_pso(struct gemsafe_sim *c, const struct sim_command *cmd,
                     struct buf *out);

#endif
