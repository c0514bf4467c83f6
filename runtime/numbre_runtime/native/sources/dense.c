static void dense(const int8_t *x, int8_t *y, const IN_FLASH struct dense *layer)
{
    weigh(x, 1, 0, layer->length, y, layer);
}
