/*
 * engine_ui HOW URI: load a key by the engine and sign, with the PIN (the
 * first line of standard input) given in one of the ways engines know:
 *
 *   none      not at all
 *   pin       control PIN
 *   commands  controls SET_USER_INTERFACE and SET_CALLBACK_DATA
 *   generic   ENGINE_CTRL_SET_USER_INTERFACE and _SET_CALLBACK_DATA
 *   argument  a UI_METHOD given to ENGINE_load_private_key
 *
 * Prints "signed, asked N times".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/engine.h>
#include <openssl/err.h>
#include <openssl/ui.h>

#include "tests/e2e/client.h"

struct person {
    char pin[64];
    unsigned asked;
};

static int answer(UI *ui, UI_STRING *question)
{
    struct person *person = UI_get0_user_data(ui);

    if (UI_get_string_type(question) != UIT_PROMPT)
        return 1;
    if (person == NULL)
        return 0;
    person->asked++;
    return UI_set_result(ui, question, person->pin) == 0;
}

/* Like ENGINE_ctrl_cmd_string, for the commands that take a pointer. */
static int command(ENGINE *engine, const char *name, void *pointer)
{
    return ENGINE_ctrl_cmd(engine, name, 0, pointer, NULL, 0);
}

static int give_pin(ENGINE *engine, const char *how, UI_METHOD *method,
                    struct person *person)
{
    if (strcmp(how, "pin") == 0)
        return ENGINE_ctrl_cmd_string(engine, "PIN", person->pin, 0);
    if (strcmp(how, "commands") == 0)
        return command(engine, "SET_USER_INTERFACE", method)
               && command(engine, "SET_CALLBACK_DATA", person);
    if (strcmp(how, "generic") == 0)
        return ENGINE_ctrl(engine, ENGINE_CTRL_SET_USER_INTERFACE, 0, method,
                           NULL)
               && ENGINE_ctrl(engine, ENGINE_CTRL_SET_CALLBACK_DATA, 0, person,
                              NULL);
    return 1;
}

static int run(ENGINE *engine, const char *how, const char *uri,
               struct person *person)
{
    UI_METHOD *method = UI_create_method("one line of standard input");
    bool argument = strcmp(how, "argument") == 0;
    EVP_PKEY *key = NULL;
    int ok = method != NULL && UI_method_set_reader(method, answer) == 0
             && give_pin(engine, how, method, person);

    if (ok)
        key = ENGINE_load_private_key(engine, uri, argument ? method : NULL,
                                      argument ? person : NULL);
    ok = key != NULL && client_sign(key, "by engine");
    EVP_PKEY_free(key);
    UI_destroy_method(method);
    return ok;
}

int main(int argc, char **argv)
{
    struct person person = {.asked = 0};
    ENGINE *engine = NULL;
    int ok = 0;

    if (argc == 3 && fgets(person.pin, sizeof(person.pin), stdin) != NULL) {
        person.pin[strcspn(person.pin, "\n")] = '\0';
        engine = ENGINE_by_id("tessera");
    }
    if (engine != NULL && ENGINE_init(engine)) {
        ok = run(engine, argv[1], argv[2], &person);
        ENGINE_finish(engine);
    }
    if (ok)
        printf("signed, asked %u times\n", person.asked);
    else
        ERR_print_errors_fp(stderr);
    ENGINE_free(engine);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
