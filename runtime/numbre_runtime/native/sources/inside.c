/* The part of a window that lies inside the picture, along one side. */
struct inside {
    size_t at;         /* where in the picture it begins */
    size_t begin, end; /* which of the window's values are inside */
};

static struct inside inside(size_t position, size_t stride, size_t pad, size_t size, size_t dilation, size_t length)
{
    struct inside part;
    size_t at = position * stride;
    part.begin = 0;
    part.end = size;
    while (at + part.begin * dilation < pad)
        part.begin++;
    while (part.end > part.begin && at + (part.end - 1) * dilation >= length + pad)
        part.end--;
    part.at = at + part.begin * dilation - pad;
    return part;
}

static struct inside inside_rows(const IN_FLASH struct windows *windows, size_t row)
{
    return inside(row, windows->stride_y, windows->top, windows->tall, windows->dilation_y, windows->height);
}

static struct inside inside_columns(const IN_FLASH struct windows *windows, size_t column)
{
    return inside(column, windows->stride_x, windows->left, windows->wide, windows->dilation_x, windows->width);
}
