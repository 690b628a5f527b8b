/*
 * tessera key pem: a key on a card as a file for programs that read one.
 */
#include "card/tool/tool.h"

#include <stdio.h>
#include <string.h>

#include "card/tool/object_pem.h"
#include "card/tool/ossl.h"

/* A URI that names a key, or one of a PKCS#11 token: taken as it is. */
static bool is_whole(const char *text, const struct object_choice *choice)
{
    return text != NULL && card_uri_is_ours(text) &&
           (choice->uses != 0 || choice->id.len > 0 ||
            choice->label[0] != '\0' || strncmp(text, "pkcs11:", 7) == 0);
}

/* The file lies about, and is copied: no place for a PIN. */
static int take_uri(struct tool *t, const char *text, BIO *out)
{
    struct card_uri uri;
    bool has_pin;
    int rc;

    if ((rc = card_uri_parse(text, &uri)) < 0)
        return tool_card_error(t, rc);
    has_pin = uri.pin_value != NULL;
    card_uri_clear(&uri);
    if (has_pin) {
        tool_error(t, _("the URI has a PIN in it, which does not belong in a "
                        "file: leave pin-value out; programs ask for it, or "
                        "have it from their configuration"));
        return TOOL_REFUSED;
    }
    if (object_put_uri(out, text))
        return TOOL_DONE;
    tool_error(t, _("the URI is too long"));
    return TOOL_FAILED;
}

/* The one key that is meant: -1 after a message. */
static int find_key(struct tool *t, const struct card *c,
                    const struct object_choice *choice)
{
    const struct card_key_info *key;
    size_t count = 0;
    int found = -1;

    for (size_t i = 0; (key = card_key_at(c, i)) != NULL; i++)
        if (object_key_is_meant(choice, key)) {
            found = (int)i;
            count++;
        }
    if (count == 1)
        return found;
    if (count == 0)
        tool_error(t, _("the card has no such key; tessera list shows those it "
                        "has"));
    else
        tool_error(t, _("%zu keys of the card could be meant: name one by "
                        "--usage auth, sign or decrypt, or by --id; tessera "
                        "list shows them"), count);
    return -1;
}

static int take_key(struct tool *t, const char *text,
                    const struct object_choice *choice, BIO *out)
{
    struct card_set set;
    struct card *c;
    int key, status = tool_choose(t, text, CARD_READ_OBJECTS, &set, &c);

    if (status != TOOL_DONE)
        return status;
    if ((key = find_key(t, c, choice)) < 0) {
        status = TOOL_NOTHING;
    } else if (!object_put_key(out, c, (size_t)key)) {
        tool_error(t, _("the key cannot be named: %s"), card_error_sentence());
        status = TOOL_FAILED;
    }
    card_set_free(&set);
    return status;
}

static int put(struct tool *t, BIO *pem, const char *file)
{
    struct bytes content;
    int status;

    if (file != NULL) {
        if ((status = object_write(t, file, ossl_content(pem))) == TOOL_DONE)
            out_string(t->out, "file", file);
        return status;
    }
    BIO_write(pem, "", 1); /* a string */
    content = ossl_content(pem);
    out_string(t->out, "pem", (const char *)content.data);
    if (!out_is_json(t->out))
        fputs((const char *)content.data, stdout);
    return TOOL_DONE;
}

static int key_pem(struct tool *t, const char *text, bool whole,
                   const struct object_choice *choice, const char *file)
{
    BIO *pem = BIO_new(BIO_s_mem());
    int status = TOOL_FAILED;

    if (pem == NULL)
        tool_error(t, _("out of memory"));
    else if (whole)
        status = take_uri(t, text, pem);
    else
        status = take_key(t, text, choice, pem);
    if (status == TOOL_DONE)
        status = put(t, pem, file);
    BIO_free(pem);
    return status;
}

int key_run(struct tool *t, int argc, char **argv)
{
    const char *usage = NULL, *id = NULL, *file = NULL;
    const struct tool_option options[] = {{"usage", &usage, NULL, NULL},
                                          {"id", &id, NULL, NULL},
                                          {"out", &file, NULL, NULL},
                                          {NULL, NULL, NULL, NULL}};
    struct object_choice choice;
    const char *text;
    int status;

    if ((argc = tool_parse(t, options, 2, argc, argv)) < 0)
        return tool_parsed(t);
    if (argc < 2 || strcmp(argv[1], "pem") != 0) {
        tool_error(t, _("tessera key knows one thing to do: tessera key pem"));
        return TOOL_USAGE;
    }
    text = argc > 2 ? argv[2] : t->options.card;
    status = object_choice_parse(t, usage, id, text, &choice);
    if (status != TOOL_DONE)
        return status;
    return key_pem(t, text,
                   usage == NULL && id == NULL && is_whole(text, &choice),
                   &choice, file);
}
