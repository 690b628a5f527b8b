/*
 * p11_life fork MOMENT TIMES URI PUBLIC [PIN]: fork at a moment of a key's
 * life; the child signs, and so does the parent, meanwhile and afterwards. PIN
 * is what the program answers to the prompt of "in-callback".
 *
 * p11_life sign URI PUBLIC: load, sign and verify once.
 */
#include "tests/e2e/life.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIGNERS = 8 };

struct cycle {
    const char *uri, *public, *pin;
    struct life_key key; /* loaded once, for most moments */
    unsigned long number;
};

static void end_child(bool ok)
{
    fflush(stderr);
    _exit(ok ? 0 : 1);
}

static bool load_and_sign(const struct cycle *c, OSSL_LIB_CTX *libctx)
{
    struct life_key key;
    bool ok = life_load(&key, libctx, c->uri, c->public)
              && life_sign_and_verify(&key, c->number);

    life_free(&key);
    return ok;
}

static bool sign_some(const struct cycle *c)
{
    for (unsigned long i = 0; i < 3; i++)
        if (!life_sign_and_verify(&c->key, c->number + i))
            return false;
    return true;
}

/* ---- moments ------------------------------------------------------------- */

/*
 * A context that has loaded nothing yet. One after the other: a SoftHSM 2.6
 * that starts while another process logs in to a token may miss it for good.
 */
static bool before_load(struct cycle *c)
{
    OSSL_LIB_CTX *libctx = life_context();
    pid_t child = fork();
    bool ok;

    if (child == 0)
        end_child(load_and_sign(c, libctx));
    ok = life_wait(child) && load_and_sign(c, libctx);
    OSSL_LIB_CTX_free(libctx);
    return ok;
}

static bool after_load(struct cycle *c)
{
    pid_t child = fork();
    bool ok;

    if (child == 0)
        end_child(sign_some(c) && load_and_sign(c, NULL));
    ok = sign_some(c);
    return life_wait(child) && ok && sign_some(c);
}

/* Both ends of a fork finish what was begun before it. */
static bool finish(const struct cycle *c, EVP_MD_CTX *ctx)
{
    unsigned char sig[LIFE_SIG_MAX];
    size_t len = sizeof(sig);

    return (EVP_DigestSignFinal(ctx, sig, &len) == 1
            && life_verify(&c->key, c->number, sig, len))
           || life_failed("what was begun before the fork does not end");
}

static bool mid_operation(struct cycle *c)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char message[32];
    size_t len = life_message(c->number, message);
    pid_t child;
    bool ok = ctx != NULL
              && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL,
                                    c->key.private) == 1
              && EVP_DigestSignUpdate(ctx, message, len) == 1;

    child = ok ? fork() : -1;
    if (child == 0)
        end_child(finish(c, ctx) && sign_some(c));
    ok = life_wait(child) && finish(c, ctx);
    EVP_MD_CTX_free(ctx);
    return ok;
}

static bool twice(struct cycle *c)
{
    pid_t child = fork(), grandchild;

    if (child == 0) {
        grandchild = fork();
        if (grandchild == 0)
            end_child(sign_some(c));
        end_child(life_wait(grandchild) && sign_some(c));
    }
    return life_wait(child) && sign_some(c);
}

static bool with_exec(struct cycle *c)
{
    pid_t child = fork();

    if (child == 0) {
        execl("/proc/self/exe", "p11_life", "sign", c->uri, c->public,
              (char *)NULL);
        end_child(false);
    }
    return life_wait(child) && sign_some(c);
}

/* ---- inside the program's answer to a prompt ----------------------------- */

static bool load_with_pin(const struct cycle *c)
{
    char uri[512];
    struct life_key key;
    bool ok;

    snprintf(uri, sizeof(uri), "%s?pin-value=%s", c->uri, c->pin);
    ok = life_load(&key, NULL, uri, c->public)
         && life_sign_and_verify(&key, c->number);
    life_free(&key);
    return ok;
}

/* As servers do that run a program for the pass phrase. */
static int answer(char *buf, int size, int rwflag, void *arg)
{
    struct cycle *c = arg;
    pid_t child = fork();

    (void)rwflag;
    if (child == 0)
        end_child(load_with_pin(c));
    c->number++;
    if (!life_wait(child))
        return 0;
    return snprintf(buf, (size_t)size, "%s", c->pin);
}

static bool in_callback(struct cycle *c)
{
    OSSL_LIB_CTX *libctx = life_context();
    UI_METHOD *ui = UI_UTIL_wrap_read_pem_callback(answer, 0);
    struct life_key key = {.libctx = libctx, .public = c->key.public};
    unsigned long asked = c->number;
    bool ok;

    key.private = life_load_with(libctx, c->uri, ui, c);
    UI_destroy_method(ui);
    if (c->number == asked)
        ok = life_failed("the program was not asked");
    else if (key.private == NULL)
        ok = life_failed("the key does not load");
    else
        ok = life_sign_and_verify(&key, c->number);
    EVP_PKEY_free(key.private);
    OSSL_LIB_CTX_free(libctx);
    return ok;
}

/* ---- under threads ------------------------------------------------------- */

static const struct life_key *shared;
static atomic_bool over, wrong;

static void *keep_signing(void *arg)
{
    unsigned long number = 1000000;

    while (!atomic_load(&over))
        if (!life_sign_and_verify(shared, number++))
            atomic_store(&wrong, true);
    return arg;
}

/*
 * The parent verifies what the child made: locks of libcrypto's that other
 * threads held at the fork are not ours to free.
 */
static bool receive(const struct cycle *c, int from)
{
    unsigned char sig[LIFE_SIG_MAX];
    ssize_t len = read(from, sig, sizeof(sig));

    return (len > 0 && life_verify(&c->key, c->number, sig, (size_t)len))
           || life_failed("a child's signature is wrong");
}

static bool under_threads(struct cycle *c)
{
    unsigned char sig[LIFE_SIG_MAX];
    int ends[2];
    size_t len;
    pid_t child;
    bool ok;

    if (pipe(ends) < 0)
        return false;
    child = fork();
    if (child == 0) {
        len = life_sign(&c->key, c->number, sig);
        end_child(len > 0 ? write(ends[1], sig, len) == (ssize_t)len
                          : life_failed("no signature"));
    }
    close(ends[1]);
    ok = life_wait(child) && receive(c, ends[0]);
    close(ends[0]);
    return ok;
}

static bool repeat(struct cycle *c, unsigned long times,
                   bool (*once)(struct cycle *c))
{
    bool ok = true;

    for (unsigned long i = 0; ok && i < times; i++) {
        ok = once(c);
        c->number += 10;
    }
    return ok;
}

static bool repeat_under_threads(struct cycle *c, unsigned long times)
{
    pthread_t signers[SIGNERS];
    bool ok;

    shared = &c->key;
    for (int i = 0; i < SIGNERS; i++)
        if (pthread_create(&signers[i], NULL, keep_signing, NULL) != 0)
            return false;
    ok = repeat(c, times, under_threads);
    atomic_store(&over, true);
    for (int i = 0; i < SIGNERS; i++)
        pthread_join(signers[i], NULL);
    return ok && !atomic_load(&wrong) && sign_some(c);
}

/* ---- commands ------------------------------------------------------------ */

static const struct {
    const char *name;
    bool (*once)(struct cycle *c);
    bool unloaded;
} moments[] = {
    {"before-load",   before_load,   true },
    {"after-load",    after_load,    false},
    {"mid-operation", mid_operation, false},
    {"twice",         twice,         false},
    {"with-exec",     with_exec,     false},
    {"in-callback",   in_callback,   true },
    {"under-threads", NULL,          false},
};

static bool run_moment(const char *name, struct cycle *c, unsigned long times)
{
    for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
        if (strcmp(moments[i].name, name) != 0)
            continue;
        if (!moments[i].unloaded && !sign_some(c))
            return false;
        return moments[i].once == NULL ? repeat_under_threads(c, times)
                                       : repeat(c, times, moments[i].once);
    }
    return life_failed("no such moment");
}

static bool fork_at(int argc, char **argv)
{
    struct cycle c = {.uri = argv[2], .public = argv[3], .number = 1};
    bool unloaded = strcmp(argv[0], "before-load") == 0;
    bool ok;

    c.pin = argc > 4 ? argv[4] : NULL;
    if (c.pin != NULL) {
        c.key.public = life_read_public(c.public);
        ok = c.key.public != NULL;
    } else {
        ok = unloaded || life_load(&c.key, NULL, c.uri, c.public);
    }
    ok = ok && run_moment(argv[0], &c, strtoul(argv[1], NULL, 10));
    life_free(&c.key);
    return ok;
}

static bool sign_once(int argc, char **argv)
{
    struct cycle c = {.uri = argv[0], .public = argv[1], .number = 7};

    (void)argc;
    return load_and_sign(&c, NULL);
}

const struct life_command life_fork_commands[] = {{"fork", 4, fork_at},
                                                  {"sign", 2, sign_once},
                                                  {NULL, 0, NULL}};
