/*
 * p11_life threads N URI PUBLIC [URI PUBLIC]...: sixteen threads make N
 * signatures each with these keys, in turn, while one more loads the first key
 * over and over, and another lists what is on the token.
 */
#include "tests/e2e/life.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/store.h>

enum { THREADS = 16, MAX_KEYS = 4 };

static struct life_key keys[MAX_KEYS];
static size_t key_count;
static unsigned long per_thread;
static atomic_ulong next_number, wrong, loads, lists;
static atomic_bool over;

static void *sign(void *arg)
{
    for (unsigned long i = 0; i < per_thread; i++)
        if (!life_sign_and_verify(&keys[i % key_count],
                                  atomic_fetch_add(&next_number, 1)))
            atomic_fetch_add(&wrong, 1);
    return arg;
}

static void *load(void *arg)
{
    struct life_key key = keys[0];

    while (!atomic_load(&over)) {
        key.private = life_load_with(NULL, key.uri, NULL, NULL);
        if (key.private == NULL
            || !life_sign_and_verify(&key, atomic_fetch_add(&next_number, 1)))
            atomic_fetch_add(&wrong, 1);
        EVP_PKEY_free(key.private);
        atomic_fetch_add(&loads, 1);
    }
    return arg;
}

static unsigned long list_once(const char *uri)
{
    OSSL_STORE_CTX *store = OSSL_STORE_open(uri, NULL, NULL, NULL, NULL);
    OSSL_STORE_INFO *info;
    unsigned long count = 0;

    while (store != NULL && (info = OSSL_STORE_load(store)) != NULL) {
        OSSL_STORE_INFO_free(info);
        count++;
    }
    OSSL_STORE_close(store);
    return count;
}

/* Everything: at least the keys. */
static void *list(void *arg)
{
    while (!atomic_load(&over)) {
        if (list_once("pkcs11:") < key_count) {
            life_failed("objects are missing in a list");
            atomic_fetch_add(&wrong, 1);
        }
        atomic_fetch_add(&lists, 1);
    }
    return arg;
}

static bool run_all(void)
{
    pthread_t signers[THREADS], loader, lister;

    if (pthread_create(&loader, NULL, load, NULL) != 0
        || pthread_create(&lister, NULL, list, NULL) != 0)
        return false;
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&signers[i], NULL, sign, NULL) != 0)
            return false;
    for (int i = 0; i < THREADS; i++)
        pthread_join(signers[i], NULL);
    atomic_store(&over, true);
    pthread_join(loader, NULL);
    pthread_join(lister, NULL);
    return true;
}

static bool threads(int argc, char **argv)
{
    per_thread = strtoul(argv[0], NULL, 10);
    for (int i = 1; i + 1 < argc && key_count < MAX_KEYS; i += 2)
        if (!life_load(&keys[key_count++], NULL, argv[i], argv[i + 1]))
            return false;
    if (!run_all())
        return false;
    for (size_t i = 0; i < key_count; i++)
        life_free(&keys[i]);
    printf("%lu signatures, %lu loads, %lu lists, %lu wrong\n",
           atomic_load(&next_number), atomic_load(&loads), atomic_load(&lists),
           atomic_load(&wrong));
    return atomic_load(&wrong) == 0 && atomic_load(&loads) > 0
           && atomic_load(&lists) > 0;
}

const struct life_command life_thread_commands[] = {{"threads", 3, threads},
                                                    {NULL, 0, NULL}};
