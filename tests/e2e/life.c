/*
 * p11_life COMMAND WORD...: the program and what its commands share (life.h).
 */
#include "tests/e2e/life.h"

#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <openssl/conf.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/store.h>

enum { WAIT_STEPS = 3000, STEP_MS = 10 };

extern char **environ;

static OSSL_LIB_CTX *stock;

bool life_failed(const char *sentence)
{
    fprintf(stderr, "p11_life, process %ld: %s\n", (long)getpid(), sentence);
    ERR_print_errors_fp(stderr);
    return false;
}

OSSL_LIB_CTX *life_context(void)
{
    OSSL_LIB_CTX *libctx = OSSL_LIB_CTX_new();
    const char *file = getenv("OPENSSL_CONF");

    if (libctx == NULL || file == NULL
        || OSSL_LIB_CTX_load_config(libctx, file) != 1) {
        life_failed("no library context");
        _exit(1);
    }
    return libctx;
}

/* ---- keys ---------------------------------------------------------------- */

EVP_PKEY *life_load_with(OSSL_LIB_CTX *libctx, const char *uri,
                         const UI_METHOD *ui, void *arg)
{
    OSSL_STORE_CTX *store = OSSL_STORE_open_ex(uri, libctx, NULL, ui, arg,
                                               NULL, NULL, NULL);
    OSSL_STORE_INFO *info = NULL;
    EVP_PKEY *key = NULL;

    if (store != NULL && OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY) == 1)
        info = OSSL_STORE_load(store);
    if (info != NULL)
        key = OSSL_STORE_INFO_get1_PKEY(info);
    OSSL_STORE_INFO_free(info);
    OSSL_STORE_close(store);
    return key;
}

EVP_PKEY *life_read_public(const char *path)
{
    FILE *f = fopen(path, "re");
    EVP_PKEY *key = NULL;

    if (f != NULL) {
        key = PEM_read_PUBKEY_ex(f, NULL, NULL, NULL, stock, NULL);
        fclose(f);
    }
    return key;
}

bool life_load(struct life_key *key, OSSL_LIB_CTX *libctx, const char *uri,
               const char *public)
{
    key->libctx = libctx;
    key->uri = uri;
    key->private = life_load_with(libctx, uri, NULL, NULL);
    key->public = life_read_public(public);
    return key->private != NULL && key->public != NULL
           ? true : life_failed("the key does not load");
}

void life_free(struct life_key *key)
{
    EVP_PKEY_free(key->private);
    EVP_PKEY_free(key->public);
    key->private = key->public = NULL;
}

/* ---- signatures ---------------------------------------------------------- */

size_t life_message(unsigned long number, unsigned char out[32])
{
    memset(out, 0, 32);
    memcpy(out, &number, sizeof(number));
    return 32;
}

size_t life_sign(const struct life_key *key, unsigned long number,
                 unsigned char sig[LIFE_SIG_MAX])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char message[32];
    size_t len = LIFE_SIG_MAX, message_len = life_message(number, message);
    bool ok = ctx != NULL
              && EVP_DigestSignInit_ex(ctx, NULL, "SHA256", key->libctx, NULL,
                                       key->private, NULL) == 1
              && EVP_DigestSign(ctx, sig, &len, message, message_len) == 1;

    EVP_MD_CTX_free(ctx);
    return ok ? len : 0;
}

bool life_verify(const struct life_key *key, unsigned long number,
                 const unsigned char *sig, size_t len)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char message[32];
    size_t message_len = life_message(number, message);
    bool ok = ctx != NULL
              && EVP_DigestVerifyInit_ex(ctx, NULL, "SHA256", stock, NULL,
                                         key->public, NULL) == 1
              && EVP_DigestVerify(ctx, sig, len, message, message_len) == 1;

    EVP_MD_CTX_free(ctx);
    return ok;
}

bool life_sign_and_verify(const struct life_key *key, unsigned long number)
{
    unsigned char sig[LIFE_SIG_MAX];
    size_t len = life_sign(key, number, sig);

    if (len == 0)
        return life_failed("no signature");
    return life_verify(key, number, sig, len)
           || life_failed("a wrong signature");
}

/* ---- children ------------------------------------------------------------ */

/* Where it hangs, if there is a debugger to tell. */
static void tell_where(pid_t child)
{
    char pid[24], path[] = "gdb", batch[] = "-batch", nx[] = "-nx", p[] = "-p";
    char ex[] = "-ex", bt[] = "thread apply all backtrace";
    char *const argv[] = {path, nx, batch, p, pid, ex, bt, NULL};
    pid_t debugger;

    snprintf(pid, sizeof(pid), "%ld", (long)child);
    if (posix_spawnp(&debugger, path, NULL, NULL, argv, environ) == 0)
        waitpid(debugger, NULL, 0);
}

bool life_wait(pid_t child)
{
    const struct timespec step = {0, STEP_MS * 1000000L};
    int status = 0;
    pid_t done;

    if (child < 0)
        return life_failed("no fork");
    for (int i = 0; i < WAIT_STEPS; i++) {
        if ((done = waitpid(child, &status, WNOHANG)) != 0)
            return done == child && WIFEXITED(status)
                   && WEXITSTATUS(status) == 0
                   ? true : life_failed("a child failed");
        nanosleep(&step, NULL);
    }
    life_failed("a child hangs");
    tell_where(child);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return false;
}

/* ---- commands ------------------------------------------------------------ */

static const struct life_command *find(const char *name)
{
    const struct life_command *const all[] = {
        life_thread_commands, life_fork_commands, life_context_commands,
        life_end_commands, life_growth_commands};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        for (const struct life_command *c = all[i]; c->name != NULL; c++)
            if (strcmp(c->name, name) == 0)
                return c;
    return NULL;
}

int main(int argc, char **argv)
{
    const struct life_command *command = argc > 1 ? find(argv[1]) : NULL;
    bool ok;

    if (command == NULL || argc - 2 < command->least) {
        fprintf(stderr, "usage: p11_life COMMAND WORD... (life_*.c)\n");
        return 2;
    }
    stock = OSSL_LIB_CTX_new();
    if (stock == NULL || OSSL_PROVIDER_load(stock, "default") == NULL)
        return 1;
    ok = command->run(argc - 2, argv + 2);
    fflush(stdout);
    return ok ? 0 : 1;
}
