"""What the demonstration shop sells."""

from __future__ import annotations

from typing import NamedTuple


class Item(NamedTuple):
    """One product of the demonstration; the price is in rupiah."""

    slug: str
    name: str
    category: str
    price: int
    stock: int
    picture: str
    summary: str
    description: str
    details: str


ITEMS = (
    Item(
        "gayo",
        "Aceh Gayo",
        "coffee",
        125_000,
        40,
        "gayo.svg",
        "Dark chocolate, cedar and a long, calm finish.",
        "Grown by smallholders around Lake Laut Tawar and wet-hulled as the highlands have always "
        "done it. A full cup for the first hour of the day.",
        "200 g whole beans; Medium dark roast; 1,400 m above the sea; Wet-hulled",
    ),
    Item(
        "toraja",
        "Toraja Sapan",
        "coffee",
        145_000,
        25,
        "toraja.svg",
        "Ripe plum, brown sugar, a little spice.",
        "From steep gardens north of Rantepao. Sweet and round in a French press, brighter when it "
        "is poured by hand.",
        "200 g whole beans; Medium roast; 1,700 m above the sea; Wet-hulled",
    ),
    Item(
        "kintamani",
        "Bali Kintamani",
        "coffee",
        135_000,
        30,
        "kintamani.svg",
        "Orange peel, honey, very clean.",
        "The trees stand between orange trees on the slopes of Mount Batur, and you can taste the "
        "neighbours. Our favourite for the V60.",
        "200 g whole beans; Light medium roast; 1,300 m above the sea; Washed",
    ),
    Item(
        "bajawa",
        "Flores Bajawa",
        "coffee",
        130_000,
        4,
        "bajawa.svg",
        "Milk chocolate, hazelnut, jasmine.",
        "A gentle coffee from the cool volcano country of Flores, for those who like their cup "
        "without milk.",
        "200 g whole beans; Medium roast; 1,500 m above the sea; Washed",
    ),
    Item(
        "preanger",
        "Java Preanger",
        "coffee",
        115_000,
        35,
        "preanger.svg",
        "Black tea, caramel, green apple.",
        "Coffee left the port of Batavia from these hills three centuries ago. Today's is better.",
        "200 g whole beans; Light medium roast; 1,400 m above the sea; Honey process",
    ),
    Item(
        "tubruk",
        "House Tubruk",
        "coffee",
        75_000,
        60,
        "tubruk.svg",
        "Ground fine: hot water, stir, wait, talk.",
        "Our everyday blend for kopi tubruk. Two spoons to a glass, water just off the boil, and "
        "four minutes of patience.",
        "250 g ground; Dark roast; Robusta and arabica",
    ),
    Item(
        "cold-brew",
        "Cold Brew Preanger",
        "coffee",
        48_000,
        0,
        "coldbrew.svg",
        "Eighteen hours in cold water, one bottle.",
        "Ready to drink, with no sugar. Keep it cold and finish it within three days.",
        "500 ml; Keep below 5 °C",
    ),
    Item(
        "gift-box",
        "Nusantara Gift Box",
        "coffee",
        385_000,
        12,
        "giftbox.svg",
        "Three islands, three bags, one ribbon.",
        "Gayo, Toraja and Kintamani in a box that is too good to be thrown away afterwards.",
        "3 × 200 g whole beans; With a card for your own words",
    ),
    Item(
        "dripper",
        "Ceramic Dripper Set",
        "gear",
        245_000,
        18,
        "dripper.svg",
        "For two cups, with a glass server.",
        "A thick ceramic cone that keeps its heat, on a server with a wooden collar.",
        "1–2 cups; Takes size 02 filters; Dishwasher safe",
    ),
    Item(
        "filters",
        "Paper Filters, 100 Pieces",
        "gear",
        45_000,
        80,
        "filters.svg",
        "Unbleached, size 02.",
        "They taste of nothing, which is all one can ask of a filter.",
        "100 pieces; Size 02; Compostable",
    ),
    Item(
        "kettle",
        "Gooseneck Kettle",
        "gear",
        890_000,
        9,
        "kettle.svg",
        "A slow, thin stream and a thermometer.",
        "The spout decides where the water goes. 0.9 litres, steel, for gas and induction.",
        "0.9 l; Thermometer in the side; Two years of warranty",
    ),
    Item(
        "grinder",
        "Hand Grinder",
        "gear",
        675_000,
        14,
        "grinder.svg",
        "Steel burrs, a teak box, no cable.",
        "Thirty turns for a cup. Takes everything from espresso to French press.",
        "Holds 30 g; Conical steel burrs; 24 settings",
    ),
    Item(
        "scale",
        "Brewing Scale",
        "gear",
        450_000,
        16,
        "scale.svg",
        "A tenth of a gram, and a clock.",
        "Weighs quickly, counts quietly and forgives a little water.",
        "Up to 2 kg; 0.1 g steps; Charges by USB-C",
    ),
    Item(
        "french-press",
        "French Press",
        "gear",
        320_000,
        20,
        "press.svg",
        "Three cups, four minutes.",
        "Borosilicate glass in a steel frame; every part can be bought again.",
        "0.6 l; Double screen; Dishwasher safe",
    ),
    Item(
        "moka-pot",
        "Moka Pot",
        "gear",
        285_000,
        3,
        "moka.svg",
        "Small, loud and very good at mornings.",
        "Three little cups of strong coffee from any stove. Never wash it with soap.",
        "3 cups; Aluminium; Gas and electric",
    ),
    Item(
        "mug",
        "Enamel Mug",
        "gear",
        65_000,
        50,
        "mug.svg",
        "Falls down, gets up again.",
        "The mug of every roadside stall, with our sidecar on it.",
        "350 ml; Not for the microwave",
    ),
)
