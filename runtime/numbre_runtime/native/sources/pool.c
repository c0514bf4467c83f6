struct pool {
    struct windows windows;
    int8_t low, high; /* smallest and largest output */
};

static int8_t clipped(int32_t value, const IN_FLASH struct pool *layer)
{
    return (int8_t)(value < layer->low ? layer->low : value > layer->high ? layer->high : value);
}
