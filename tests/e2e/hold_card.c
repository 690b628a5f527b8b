/*
 * hold_card READER [reset]: another program that keeps the card for itself:
 * holds a transaction until its standard input ends, after it reset the card
 * if told so. Prints "held" when it has it.
 */
#include <stdio.h>
#include <string.h>

#include <winscard.h>

int main(int argc, char **argv)
{
    SCARDCONTEXT context;
    SCARDHANDLE card;
    DWORD protocol;

    if (argc < 2 ||
        SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context) !=
            SCARD_S_SUCCESS ||
        SCardConnect(context, argv[1], SCARD_SHARE_SHARED,
                     SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, &card,
                     &protocol) != SCARD_S_SUCCESS ||
        SCardBeginTransaction(card) != SCARD_S_SUCCESS)
        return 1;
    if (argc > 2 && strcmp(argv[2], "reset") == 0 &&
        SCardReconnect(card, SCARD_SHARE_SHARED,
                       SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, SCARD_RESET_CARD,
                       &protocol) != SCARD_S_SUCCESS)
        return 1;
    puts("held");
    fflush(stdout);
    while (getchar() != EOF)
        ;
    SCardEndTransaction(card, SCARD_LEAVE_CARD);
    SCardDisconnect(card, SCARD_LEAVE_CARD);
    SCardReleaseContext(context);
    return 0;
}
