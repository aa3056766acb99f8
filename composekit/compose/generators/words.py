"""Names and things that the wordings draw from."""

NAMES = (
    "Ada", "Amir", "Anna", "Bella", "Boris", "Carla", "Chen", "Dana", "Diego", "Edith", "Elena", "Emil", "Fatima", "Felix",
    "Greta", "Hana", "Hugo", "Ida", "Ivan", "Jana", "Jonas", "Kaito", "Karim", "Lena", "Leo", "Lucia", "Malik", "Mara",
    "Mila", "Nadia", "Nils", "Noor", "Olga", "Omar", "Paula", "Pedro", "Priya", "Quinn", "Rafael", "Rosa", "Samir", "Selma",
    "Tariq", "Tessa", "Uma", "Viktor", "Wanda", "Yara", "Yusuf", "Zoe",
)  # fmt: skip

GOODS = (
    "notebooks", "pencils", "candles", "mugs", "postcards", "lanterns", "brushes", "baskets", "cushions", "puzzles",
    "flowerpots", "magnets", "umbrellas", "scarves", "bracelets", "wallets", "kites", "whistles", "ribbons", "stickers",
)  # fmt: skip

MONEY = ("euros", "dollars", "francs", "crowns", "pesos", "rupees")

SHOPS = ("bakery", "bookshop", "market stall", "toy shop", "museum shop", "garden centre", "stationer", "farm shop")

TOWNS = (
    "Arden", "Birk", "Corva", "Delmont", "Elder", "Fenwick", "Garlow", "Harbin", "Istra", "Jorvik", "Kelso", "Lunden",
    "Morava", "Norwell", "Ostrand", "Pellar", "Quarry", "Rissa", "Sorrel", "Tamlin",
)  # fmt: skip
