/*
 * engine_controls COMMAND ARGUMENT...: controls of the engine pkcs11 that need
 * a program.
 *
 *   cert ID               LOAD_CERT_CTRL: print the certificate as PEM
 *   rsa TOKEN LABEL       KEYGEN: an RSA key of 2048 bits
 *   ec TOKEN LABEL        KEYGEN: an EC key on P-256
 *   extractable TOKEN LABEL  KEYGEN: an RSA key that may leave the token
 *   outlive ID            load the key twice, with a control between that makes
 *                         another instance of the provider; end the engine;
 *                         then sign with both keys
 *   threads PIN ID        one thread sets the PIN while others load the key
 *   log PIN ID            VLOG_A: load the private key, print what is logged
 *                         with its level before each line
 */
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/engine.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "tests/e2e/client.h"

/* As in libp11.h. */
struct rsa_kgen {
    unsigned bits;
};

struct ec_kgen {
    const char *curve;
};

struct kgen_params {
    unsigned char extractable;
    unsigned char sensitive;
};

struct kgen_attrs {
    int type;
    union {
        struct ec_kgen *ec;
        struct rsa_kgen *rsa;
    } kgen;
    const char *token_label;
    const char *key_label;
    const unsigned char *key_id;
    size_t id_len;
    const struct kgen_params *key_params;
};

static int load_cert(ENGINE *engine, const char *id)
{
    struct {
        const char *id;
        X509 *cert;
    } request = {id, NULL};
    int ok = ENGINE_ctrl_cmd(engine, "LOAD_CERT_CTRL", 0, &request, NULL, 0)
             && PEM_write_X509(stdout, request.cert);

    X509_free(request.cert);
    return ok;
}

static int generate(ENGINE *engine, const char *what, const char *token,
                    const char *label)
{
    static const unsigned char id[] = {0xE1, 0x02};
    struct rsa_kgen rsa = {2048};
    struct ec_kgen ec = {"P-256"};
    struct kgen_params params = {strcmp(what, "extractable") == 0, 1};
    struct kgen_attrs request = {.type = EVP_PKEY_RSA,
                                 .kgen.rsa = &rsa,
                                 .token_label = token,
                                 .key_label = label,
                                 .key_params = &params};

    if (strcmp(what, "ec") == 0) {
        request.type = EVP_PKEY_EC;
        request.kgen.ec = &ec;
        request.key_id = id;
        request.id_len = sizeof(id);
    }
    return ENGINE_ctrl_cmd(engine, "KEYGEN", 0, &request, NULL, 0);
}

static void print_line(int level, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

static void print_line(int level, const char *format, va_list args)
{
    printf("%d ", level);
    vprintf(format, args);
}

static int log_load(ENGINE *engine, const char *pin, const char *id)
{
    struct {
        void (*vlog)(int, const char *, va_list);
    } request = {print_line};
    EVP_PKEY *key = NULL;

    if (ENGINE_ctrl_cmd(engine, "VLOG_A", 0, &request, NULL, 0)
        && ENGINE_ctrl_cmd_string(engine, "PIN", pin, 0))
        key = ENGINE_load_private_key(engine, id, NULL, NULL);
    EVP_PKEY_free(key);
    return key != NULL;
}

static int outlive(ENGINE *engine, const char *id)
{
    EVP_PKEY *first = ENGINE_load_private_key(engine, id, NULL, NULL);
    EVP_PKEY *second = NULL;
    bool ok;

    if (ENGINE_ctrl_cmd_string(engine, "FORCE_LOGIN", NULL, 0))
        second = ENGINE_load_private_key(engine, id, NULL, NULL);
    ENGINE_finish(engine);
    ENGINE_free(engine);
    ok = first != NULL && second != NULL && client_sign(first, "noon")
         && client_sign(second, "noon") && ERR_peek_error() == 0;
    EVP_PKEY_free(first);
    EVP_PKEY_free(second);
    return ok;
}

static struct {
    ENGINE *engine;
    const char *id;
    atomic_bool failed;
} shared;

static void *load_often(void *unused)
{
    for (int i = 0; i < 100; i++) {
        EVP_PKEY *key =
            ENGINE_load_private_key(shared.engine, shared.id, NULL, NULL);

        if (key == NULL)
            shared.failed = true;
        EVP_PKEY_free(key);
    }
    return unused;
}

static int threads(ENGINE *engine, const char *pin, const char *id)
{
    pthread_t loaders[2];

    shared.engine = engine;
    shared.id = id;
    for (size_t i = 0; i < 2; i++)
        if (pthread_create(&loaders[i], NULL, load_often, NULL) != 0)
            return 0;
    for (int i = 0; i < 20000; i++)
        if (!ENGINE_ctrl_cmd_string(engine, "PIN", pin, 0))
            shared.failed = true;
    for (size_t i = 0; i < 2; i++)
        pthread_join(loaders[i], NULL);
    return !shared.failed;
}

static int run(ENGINE *engine, int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "cert") == 0)
        return load_cert(engine, argv[2]);
    if (argc == 3 && strcmp(argv[1], "outlive") == 0)
        return ENGINE_up_ref(engine) && ENGINE_init(engine)
               && outlive(engine, argv[2]);
    if (argc == 4 && strcmp(argv[1], "threads") == 0)
        return threads(engine, argv[2], argv[3]);
    if (argc == 4 && strcmp(argv[1], "log") == 0)
        return log_load(engine, argv[2], argv[3]);
    return argc == 4 && generate(engine, argv[1], argv[2], argv[3]);
}

int main(int argc, char **argv)
{
    ENGINE *engine;
    int ok = 0;

    OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL);
    engine = ENGINE_by_id("pkcs11");
    if (engine != NULL && ENGINE_init(engine)) {
        ok = run(engine, argc, argv);
        ENGINE_finish(engine);
    }
    if (!ok)
        ERR_print_errors_fp(stderr);
    ENGINE_free(engine);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
