/* Copies values; `flip` is 128 if the highest bit of each is to be flipped, else 0. */
static void copy(int8_t *to, const int8_t *from, size_t count, uint8_t flip)
{
#if defined(__GNUC__) && (defined(__ARM_FEATURE_UNALIGNED) || defined(__aarch64__) || defined(__x86_64__))
    for (; count >= 4; count -= 4, to += 4, from += 4) {
        uint32_t four;
        __builtin_memcpy(&four, from, 4);
        four ^= flip * (uint32_t)0x01010101;
        __builtin_memcpy(to, &four, 4);
    }
#endif
    while (count--)
        *to++ = (int8_t)(*from++ ^ (int8_t)flip);
}
