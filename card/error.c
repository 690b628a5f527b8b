/*
 * Error codes in words, and the one sentence per thread that goes with them.
 */
#include "card/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SENTENCE_MAX = 512 };

/* xgettext's mark: the tool has these words in other languages. */
#define N_(text) (text)

static _Thread_local char sentence[SENTENCE_MAX];

const struct card_error_name card_error_names[] = {
    {CARD_E_MEMORY, N_("out of memory"), N_("free memory or raise the limit")},
    {CARD_E_ARGUMENT, N_("senseless request"),
     N_("report it, with the command that led to it")},
    {CARD_E_BUFFER, N_("the caller's buffer is too small"),
     N_("report it, with the command that led to it")},
    {CARD_E_UNSUPPORTED, N_("not supported by this card or this build"),
     N_("use another key or algorithm")},
    {CARD_E_NOT_MINE, N_("card not known"),
     N_("see the README for the cards that are supported")},
    {CARD_E_NOT_FOUND, N_("not found"),
     N_("compare with what `openssl storeutl -text` shows of card:// or "
        "pkcs11:")},
    {CARD_E_AMBIGUOUS, N_("more than one card or key matches"),
     N_("add serial=, reader=, id= or usage= to the URI")},
    {CARD_E_NO_SERVICE, N_("the smart card service does not answer"),
     N_("start pcscd: systemctl start pcscd.socket; check that polkit lets "
        "this user in")},
    {CARD_E_NO_READER, N_("no card reader"),
     N_("plug the reader in, or correct its name")},
    {CARD_E_NO_CARD, N_("no card in the reader"), N_("insert the card")},
    {CARD_E_REMOVED, N_("the card was taken out while in use"),
     N_("insert the card again and repeat")},
    {CARD_E_RESET,
     N_("the card was reset, or the sessions with the token lost"),
     N_("repeat")},
    {CARD_E_BUSY, N_("another program holds the card"),
     N_("close the other program, or wait until it is done")},
    {CARD_E_TIMEOUT, N_("the card or the reader did not answer in time"),
     N_("take the card out, insert it again and repeat")},
    {CARD_E_COMM, N_("transmission between reader and card failed"),
     N_("clean the card's contacts, insert it again, try another USB port")},
    {CARD_E_PROTOCOL, N_("the card answered something malformed"),
     N_("repeat; if it stays, record it with the setting trace and report it")},
    {CARD_E_STATUS, N_("the card refused the command"),
     N_("the status word says why; the setting trace records it for a report")},
    {CARD_E_LOGIN, N_("the card wants its PIN first"),
     N_("give the PIN: at the prompt, or by pin-source in the URI")},
    {CARD_E_PIN_WRONG, N_("wrong PIN: one try is spent"),
     N_("check the PIN before the next try")},
    {CARD_E_PIN_LOCKED, N_("the PIN is blocked: no tries left"),
     N_("unblock it with the PUK: tessera pin unblock; or ask the issuer of "
        "the card")},
    {CARD_E_PIN_NEEDED, N_("a PIN is needed and none was given"),
     N_("set pin-source in the URI or the configuration, or use a program "
        "that asks")},
    {CARD_E_PIN_REFUSED,
     N_("the stored PIN was not presented: no try is spent"),
     N_("correct the stored PIN, then enter the right one once at a prompt")},
    {CARD_E_PIN_FORMAT, N_("the PIN cannot be right: nothing was sent"),
     N_("check the PIN's length and characters")},
    {CARD_E_CANCELLED, N_("cancelled at the PIN prompt"), ""},
    {CARD_E_SELF_CHECK,
     N_("the card's signature does not verify with its certificate: discarded"),
     N_("check that key and certificate belong together; try another reader")},
    {CARD_E_URI, N_("malformed URI"), N_("correct the attribute named")},
    {CARD_E_CONFIG, N_("malformed configuration"),
     N_("correct the setting or the file named")},
    {CARD_E_OTHER_CARD, N_("another card is in the reader now"),
     N_("insert the card the key was loaded from, or load the key again")},
    {CARD_E_LIMIT, N_("a safety limit was reached"),
     N_("the card gives more than a sound card would; report its model")},
    {CARD_E_TOKEN, N_("the token or its PKCS#11 module failed"),
     N_("repeat; if it stays, try the module with pkcs11-tool and see its "
        "own log")},
    {CARD_OK, N_("success"), ""}};

static const struct card_error_name unknown_error = {
    1, N_("unknown error code"),
    N_("report it, with the command that led to it")};

const struct card_error_name *card_error_name(int code)
{
    const struct card_error_name *row = card_error_names;

    while (row->code != code && row->code != CARD_OK)
        row++;
    return row->code == code ? row : &unknown_error;
}

/* By way of a copy: an argument may be the present sentence itself. */
int card_fail(int code, const char *format, ...)
{
    char text[SENTENCE_MAX];
    va_list args;

    va_start(args, format);
    if (vsnprintf(text, sizeof(text), format, args) < 0)
        text[0] = '\0';
    va_end(args);
    memcpy(sentence, text, sizeof(text));
    return code;
}

int card_fail_in(int code, const char *format, ...)
{
    char text[SENTENCE_MAX];
    va_list args;
    size_t used;

    va_start(args, format);
    if (vsnprintf(text, sizeof(text), format, args) < 0)
        text[0] = '\0';
    va_end(args);
    used = strlen(text);
    if (snprintf(text + used, sizeof(text) - used, ": %s", sentence) < 0)
        text[used] = '\0';
    memcpy(sentence, text, sizeof(text));
    return code;
}

const char *card_error_sentence(void)
{
    return sentence;
}

void card_error_clear(void)
{
    sentence[0] = '\0';
}
