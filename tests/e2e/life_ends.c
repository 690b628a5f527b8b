/*
 * p11_life end HOW URI PUBLIC: sign, and end in a way that programs have, with
 * the key still there.
 *
 *   return   from main
 *   _exit    at once
 *   cleanup  OPENSSL_cleanup by hand, then return
 *   exit     from a thread that main waits for
 *   late     an exit handler frees the key, after the module has ended
 *   latest   and one older than OpenSSL's
 *   child    by exit in a forked child too
 */
#include "tests/e2e/life.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>

static struct life_key key;

static void free_late(void)
{
    life_free(&key);
}

static void *exit_here(void *arg)
{
    exit(life_sign_and_verify(arg, 2) ? 0 : 1);
}

static bool exit_in_thread(void)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, exit_here, &key) == 0)
        pthread_join(thread, NULL);
    return false;
}

static bool exit_in_child(void)
{
    pid_t child = fork();

    if (child == 0)
        exit(life_sign_and_verify(&key, 2) ? 0 : 1);
    return life_wait(child) && life_sign_and_verify(&key, 3);
}

static bool end(int argc, char **argv)
{
    const char *how = argv[0];

    (void)argc;
    if (strcmp(how, "late") == 0)
        OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CRYPTO_STRINGS, NULL);
    if (strncmp(how, "late", 4) == 0)
        atexit(free_late);
    if (!life_load(&key, NULL, argv[1], argv[2])
        || !life_sign_and_verify(&key, 1))
        return false;
    if (strcmp(how, "_exit") == 0)
        _exit(0);
    if (strcmp(how, "cleanup") == 0)
        OPENSSL_cleanup();
    if (strcmp(how, "exit") == 0)
        return exit_in_thread();
    return strcmp(how, "child") != 0 || exit_in_child();
}

const struct life_command life_end_commands[] = {{"end", 3, end},
                                                 {NULL, 0, NULL}};
