/*
 * What tests of the card layer share: a simulated CPS3 in a reader of this
 * process, a context on it, and a person who answers PIN prompts.
 */
#ifndef TESTS_UNIT_CARD_WORLD_H
#define TESTS_UNIT_CARD_WORLD_H

#include "card/card.h"
#include "tests/sim/cps3.h"
#include "tests/sim/reader_sim.h"

/* Answers prompts from a list; counts what was asked. */
struct person {
    const char *answers[8]; /* NULL: nobody is there */
    unsigned asked;
    struct card_pin_question last;
    void (*meanwhile)(struct person *self, void *arg); /* before answering */
    void *meanwhile_arg;
};

struct card_world {
    struct sim_world *sim;
    struct applet *card;
    struct card_settings settings;
    struct card_context *ctx;
    struct person person;
};

/* The folder with keys and certificates that the build made. */
const char *world_dir(void);

/* A reader "Sim 0" with a card made of these options (dir is filled in). */
void world_open(struct card_world *w, struct cps3_options options);
/* The same with a card of any family; settings end with NULL, or NULL. */
void world_open_family(struct card_world *w, const char *family,
                       const char *const *settings);
/* Change a setting of the card while it is in use. */
void world_set(struct card_world *w, const char *name, const char *value);
void world_close(struct card_world *w);
/* Forget all a program knows, as if it had been restarted. */
void world_restart(struct card_world *w);
/* From now on a person answers (after a restart). */
void world_person(struct card_world *w, const char *first, const char *second);

/* Search and take the first object of these kinds; an error comes back. */
int world_find(struct card_world *w, const char *uri, unsigned kinds,
               struct card_object *out);
/* The first private key of a URI; fails the test if there is none. */
struct card_key *world_key(struct card_world *w, const char *uri);

/* Sign SHA-256 of a message, from the stream or the finished hash alone. */
int world_sign(struct card_key *key, const char *message, bool midstate,
               struct buf *sig);
/*
 * Sign a message as the key's type wants it; check with libcrypto and the
 * certificate in a PEM file.
 */
int world_sign_and_check(struct card_key *key, const char *pem);
/* The same by RSA-PSS. */
int world_sign_pss_and_check(struct card_key *key, const char *pem);
/*
 * What a stranger encrypts to the certificate (PKCS#1 v1.5, or OAEP with SHA-1)
 * is decrypted and compared: another message is CARD_E_STATUS, as implicit
 * rejection gives one.
 */
int world_decrypt_and_check(struct card_key *key, const char *pem, bool oaep);
/* A key agreement with a fresh peer, compared with the peer's own result. */
int world_derive_and_check(struct card_key *key, const char *pem);

unsigned world_transmits(struct card_world *w);
unsigned world_pin_tries(struct card_world *w);

#endif
