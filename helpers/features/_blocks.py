"""Pictures cut into a grid of blocks, with a histogram in each: where a pattern lies is kept, exactly where is not."""

import numpy as np

from helpers.workspace import WorkbookError


def blocks(height, width, grid):
    """(height, width) int: number of the block, row by row, in which each pixel lies. grid: (rows, columns)."""
    rows, columns = (np.arange(side) * count // side for side, count in zip((height, width), grid, strict=True))
    return rows[:, None] * grid[1] + columns


def histograms(codes, block_of, count, bins):
    """Histograms of integer codes in each block, each summing to 1: (count, bins) float.

    codes: (..., H, W) in 0..bins - 1; block_of: (H, W), as of `blocks`; count: number of blocks.
    """
    found = np.bincount((block_of * bins + codes).ravel(), minlength=count * bins).reshape(count, bins)
    return found / found.sum(axis=1, keepdims=True)


def need_room(height, width, border, grid):
    """WorkbookError unless every block keeps a pixel once `border` = (rows, columns) are dropped on each side."""
    inside = height - 2 * border[0], width - 2 * border[1]
    if inside[0] < grid[0] or inside[1] < grid[1]:
        problem = f"pictures of {height} x {width} have no room for {grid[0]} x {grid[1]} blocks"
        raise WorkbookError(problem, remedy="give larger pictures, or ask for fewer blocks or a smaller radius")


def names(grid):
    """Names of the blocks in the order of `blocks`: row0_column0, row0_column1, ..."""
    return [f"row{row}_column{column}" for row in range(grid[0]) for column in range(grid[1])]
