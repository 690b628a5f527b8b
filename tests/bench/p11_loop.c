/*
 * p11_loop idle: set up OpenSSL as openssl.cnf says, and no more.
 * p11_loop count URI N: load a key and sign N times.
 * p11_loop rate URI THREADS MS: print signatures a second; threads share the
 * key. p11_loop growth URI N: print by how many KiB the process has grown
 * between 1,000 and N signatures.
 *
 * Signs as any program does, 32 bytes with SHA-256, and does not verify. The
 * key is loaded by OSSL_STORE, or for engine:ID:URI by the engine ID, as
 * openssl.cnf sets them up. What modules do at exit is left out: SoftHSM frees
 * all objects of its store then.
 */
#include <openssl/opensslconf.h>
#ifndef OPENSSL_NO_ENGINE
#include <openssl/engine.h>
#endif
#include <openssl/crypto.h>
#include <openssl/err.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/p11_rate.h"
#include "tests/e2e/client.h"

#ifndef OPENSSL_NO_ENGINE
static EVP_PKEY *load_by_engine(const char *id_and_uri)
{
    const char *uri = strchr(id_and_uri, ':');
    char id[32];
    ENGINE *engine;

    if (uri == NULL || (size_t)(uri - id_and_uri) >= sizeof(id))
        return NULL;
    memcpy(id, id_and_uri, (size_t)(uri - id_and_uri));
    id[uri - id_and_uri] = '\0';
    engine = ENGINE_by_id(id);
    if (engine == NULL || ENGINE_init(engine) != 1)
        return NULL;
    return ENGINE_load_private_key(engine, uri + 1, NULL, NULL);
}
#else
static EVP_PKEY *load_by_engine(const char *id_and_uri)
{
    (void)id_and_uri;
    return NULL;
}
#endif

static EVP_PKEY *load(const char *uri)
{
    if (strncmp(uri, "engine:", 7) == 0)
        return load_by_engine(uri + 7);
    return client_load_key(uri);
}

static bool sign(void *worker)
{
    static const unsigned char message[32];
    EVP_PKEY *key = worker;
    unsigned char sig[512];
    size_t len = sizeof(sig);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx != NULL
              && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1
              && EVP_DigestSign(ctx, sig, &len, message, sizeof(message)) == 1;

    EVP_MD_CTX_free(ctx);
    return ok;
}

static bool count(EVP_PKEY *key, unsigned long n)
{
    bool ok = true;

    while (ok && n-- > 0)
        ok = sign(key);
    return ok;
}

/* Not statm, which lags behind by some pages. */
static long resident_kib(void)
{
    FILE *f = fopen("/proc/self/smaps_rollup", "r");
    char line[128];
    long kib = -1;

    while (f != NULL && kib < 0 && fgets(line, sizeof(line), f) != NULL) {
        if (sscanf(line, "Rss: %ld", &kib) != 1)
            kib = -1;
    }
    if (f != NULL)
        fclose(f);
    return kib;
}

static bool growth(EVP_PKEY *key, unsigned long n)
{
    long before = resident_kib(); /* has its own pages in memory from now on */

    if (n <= 1000 || !count(key, 1000) || (before = resident_kib()) < 0
        || !count(key, n - 1000))
        return false;
    printf("%ld\n", resident_kib() - before);
    return true;
}

static bool measure_rate(EVP_PKEY *key, unsigned long threads, unsigned long ms)
{
    double result = rate(threads, ms, sign, key, 0);

    printf("%.1f\n", result);
    return result >= 0;
}

static bool act(int argc, char **argv)
{
    unsigned long n = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
    unsigned long ms = argc > 4 ? strtoul(argv[4], NULL, 10) : 0;
    EVP_PKEY *key;
    bool ok;

    if (argc < 4)
        return argc == 2 && strcmp(argv[1], "idle") == 0;
    if ((key = load(argv[2])) == NULL)
        return false;
    if (strcmp(argv[1], "rate") == 0)
        ok = measure_rate(key, n, ms);
    else if (strcmp(argv[1], "growth") == 0)
        ok = growth(key, n);
    else
        ok = strcmp(argv[1], "count") == 0 && count(key, n);
    EVP_PKEY_free(key);
    return ok;
}

int main(int argc, char **argv)
{
    bool ok = OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL) == 1
              && act(argc, argv);

    if (!ok)
        ERR_print_errors_fp(stderr);
    fflush(stdout);
    _exit(ok ? 0 : 1);
}
