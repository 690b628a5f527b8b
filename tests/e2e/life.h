/*
 * p11_life: what threads, forks, library contexts and the end of a process do
 * to keys of a PKCS#11 module. It is any OpenSSL program; what a key signs is
 * verified by a library context that knows the default provider alone.
 */
#ifndef TESTS_E2E_LIFE_H
#define TESTS_E2E_LIFE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <openssl/evp.h>
#include <openssl/ui.h>

enum { LIFE_SIG_MAX = 1024 };

/* A private key as the URI names it, and its public half from a file. */
struct life_key {
    OSSL_LIB_CTX *libctx; /* NULL: the default */
    const char *uri;
    EVP_PKEY *private, *public;
};

struct life_command {
    const char *name;
    int least; /* words behind it */
    bool (*run)(int argc, char **argv);
};

extern const struct life_command life_thread_commands[];
extern const struct life_command life_fork_commands[];
extern const struct life_command life_context_commands[];
extern const struct life_command life_end_commands[];
extern const struct life_command life_growth_commands[];

/* A library context of its own, configured by OPENSSL_CONF; or ends. */
OSSL_LIB_CTX *life_context(void);
/* The private key; ui, which gets arg, may be NULL. */
EVP_PKEY *life_load_with(OSSL_LIB_CTX *libctx, const char *uri,
                         const UI_METHOD *ui, void *arg);
EVP_PKEY *life_read_public(const char *path);
bool life_load(struct life_key *key, OSSL_LIB_CTX *libctx, const char *uri,
               const char *public);
void life_free(struct life_key *key);

/* Sign a message of its own for each number; the length, or 0. */
size_t life_sign(const struct life_key *key, unsigned long number,
                 unsigned char sig[LIFE_SIG_MAX]);
bool life_verify(const struct life_key *key, unsigned long number,
                 const unsigned char *sig, size_t len);
bool life_sign_and_verify(const struct life_key *key, unsigned long number);
/* The message of a number. */
size_t life_message(unsigned long number, unsigned char out[32]);

/* False, with the sentence and OpenSSL's errors on stderr. */
bool life_failed(const char *sentence);
/*
 * The child ends with 0 within its time; else tell where it stands, and end it.
 */
bool life_wait(pid_t child);

#endif
