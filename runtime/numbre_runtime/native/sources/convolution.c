/* Every output channel from every input channel in a window; then, if it is followed by one, a max pool. */
struct convolution {
    struct windows windows;
    struct dense channels;
    int8_t fill; /* what the padding holds, the input's zero point */
    /* The output is the largest of each pool_y · pool_x positions, which do not overlap; 1 and 1 without a pool. */
    uint8_t pool_y, pool_x;
};

/* Copies a window with its padding, of which the input has a part only; `line` is how far rows of it are apart. */
static void gather(const int8_t *from, size_t line, struct inside rows, struct inside columns, uint8_t flip, int8_t *window,
                   const IN_FLASH struct convolution *layer)
{
    const IN_FLASH struct windows *windows = &layer->windows;
    size_t i, j, k, depth = windows->depth, step = windows->dilation_x;
    size_t count = step == 1 ? columns.end - columns.begin : 1;
    for (k = 0; k < layer->channels.length; k++)
        window[k] = layer->fill;
    for (i = rows.begin; i < rows.end; i++, from += line)
        for (j = columns.begin; j < columns.end; j += count)
            copy(window + (i * windows->wide + j) * depth, from + (j - columns.begin) * step * depth, count * depth, flip);
}

/* All channels at one position. */
static void convolve(const int8_t *x, int8_t *y, const IN_FLASH struct convolution *layer, uint8_t flip, int8_t *window,
                     size_t row, size_t column)
{
    const IN_FLASH struct windows *windows = &layer->windows;
    size_t tall = windows->tall, wide = windows->wide, depth = windows->depth;
    size_t line = windows->dilation_y * (size_t)windows->width * depth;
    struct inside rows = inside_rows(windows, row), columns = inside_columns(windows, column);
    const int8_t *from = x + (rows.at * windows->width + columns.at) * depth;
    if (flip || windows->dilation_x > 1 || rows.end - rows.begin < tall || columns.end - columns.begin < wide) {
        gather(from, line, rows, columns, flip, window, layer);
        weigh(window, 1, 0, layer->channels.length, y, &layer->channels);
    } else
        weigh(from, tall, line, wide * depth, y, &layer->channels);
}

/* `flip` is 128 if the input holds pixels from 0 to 255, else 0. `scratch` has room for one window, and behind it for one
   position's outputs. */
static void convolution(const int8_t *x, int8_t *y, const IN_FLASH struct convolution *layer, uint8_t flip, int8_t *scratch)
{
    size_t rows = layer->windows.rows, columns = layer->windows.columns, channels = layer->channels.rows;
    size_t pool_y = layer->pool_y, pool_x = layer->pool_x, row, column, i, j;
    int8_t *other = scratch + layer->channels.length;
    for (row = 0; row < rows; row += pool_y)
        for (column = 0; column < columns; column += pool_x, y += channels) {
            convolve(x, y, layer, flip, scratch, row, column);
            for (i = row; i < row + pool_y && i < rows; i++)
                for (j = column; j < column + pool_x && j < columns; j++)
                    if (i > row || j > column) {
                        convolve(x, other, layer, flip, scratch, i, j);
                        keep_larger(y, other, channels);
                    }
        }
}
