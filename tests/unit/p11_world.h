/*
 * What tests of the PKCS#11 driver share: a SoftHSM token with a key of each
 * kind behind p11-wrap.so (tests/p11/wrap.h), and a program that uses it
 * through the card layer, in one process.
 */
#ifndef TESTS_UNIT_P11_WORLD_H
#define TESTS_UNIT_P11_WORLD_H

#include "tests/unit/card_world.h"

enum p11_key { P11_RSA, P11_EC, P11_ED25519, P11_KEYS };

#define P11_TOKEN "pkcs11:token=sweep"
#define P11_PIN "?pin-value=271828" /* of the token's users */
#define P11_WRONG_PIN "?pin-value=314159"

/* One program: its settings and, once started, its context. */
extern struct card_world p11;

/* Group setup and teardown of cmocka: the token and its keys. */
int p11_make(void **state);
int p11_remove(void **state);
/* Teardown of each test: the environment is empty, the PIN unblemished. */
int p11_tidy(void **state);

/*
 * Start the program anew, so that the module reads its environment (set and
 * set_file of tests/p11/test_token.h). Stop it.
 */
void p11_start(void);
void p11_stop(void);
/* No wrong PIN was ever seen: neither token nor files tell of one. */
void p11_forgive(void);

/* "pkcs11:token=sweep;object=NAME" and what follows it. */
const char *p11_uri(enum p11_key key, const char *rest);
/* Find the private key by that URI, with whoever the settings have asked. */
int p11_find_key(const char *uri, struct card_key **out);
struct card_key *p11_key(enum p11_key key, const char *rest);

/* What went wrong: an error of the card layer, or the wrong result. */
enum { P11_WRONG_RESULT = 1 };

/* Sign and have libcrypto judge, by the public half on record. */
int p11_sign_and_check(struct card_key *key, enum p11_key which,
                       enum card_padding padding);
/* Decrypt what libcrypto encrypted. */
int p11_decrypt_and_check(struct card_key *key,
                          const struct card_unpad *how);
/* Agree on a secret as libcrypto does. */
int p11_derive_and_check(struct card_key *key);

/* Calls that the module has had since its start; of one kind. */
unsigned p11_calls(const char *function);
/* Wrong PINs that the token has seen. */
unsigned p11_wrong_pins(void);
/* Stand at the token, logged in: `session` and `f` of test_token.h. */
void p11_at_token(void);
/* Delete what has this label on the token. */
void p11_delete(const char *label);

#endif
